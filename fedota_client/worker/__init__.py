"""The process that trains: it imports Keras or a Flower app, is started once and kept warm.

``python -m fedota_client.worker`` speaks `fedota_client.worker_protocol` on standard input and
output; everything that is printed goes to standard error. Beside that table it takes
``cancel {task_id}``: a training under way then ends at its next batch and is answered with
``failed``, code ``cancelled``; a task that has just been answered stays answered.
"""
