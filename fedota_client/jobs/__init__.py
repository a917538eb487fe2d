"""What needs Keras and no holder: files in, JSON and files out.

Each module is one job of ``fedota-client job``: ``main`` takes its command line and returns the
exit code, and raises `FedotaError` for what is wrong with model, problem or data. They run apart
from the servers, which never import Keras, and under limits that whoever starts them sets.
"""
