"""The lab's experiments, one a module: the question, the prediction and its checks, and the way to the figures."""
