"""A dialog on a pair of pipes, whose peer the environment names."""
import os
import subprocess

from harness import Dialog


class Piped(Dialog):
    """A program on pipes, with an environment that names the peer."""

    def __init__(self, system, options, env):
        self.process = subprocess.Popen(
            [system.binary('m3mta-smtp'), '-c', system.config, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=dict(os.environ, **env))
        self.file = self.process.stdout

    def send(self, data):
        self.process.stdin.write(
            data if isinstance(data, bytes) else data.encode())
        self.process.stdin.flush()

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30)
        self.file.close()
        return self.process.returncode
