"""Tests of .keras files; hostile ones are made with zipfile, json and h5py alone."""
