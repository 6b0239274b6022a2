"""The files of `deploy/`, held against the tools that read them and against the code."""
