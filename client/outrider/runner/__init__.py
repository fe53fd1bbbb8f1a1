"""What runs inside every job, around the user's command.

It needs nothing but a Python 3.8+ of the image: the platform mounts this directory as
/.outrider/outrider_runner and starts it with

    python -I -S -c "import sys; sys.path.insert(0, '/.outrider')
    from outrider_runner.__main__ import main; main()"

so the modules import each other relatively, and nothing outside the standard library (the notebook executor
is a process of its own, with the image's packages). It speaks to the service on stdout: see records.py.
"""
