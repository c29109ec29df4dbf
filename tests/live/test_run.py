"""m3mta start, stop and status, which `make run` is made of: a second time,
after kill -9 of everything, and with a taken port."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import BUILD, free_port

ROOT = os.path.realpath(os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..'))


class Run(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix='m3t-run-')
        self.addCleanup(shutil.rmtree, self.home, True)
        self.ports = {name: free_port() for name in (
            'smtp', 'submission', 'imap', 'mongodb')}
        mongod = subprocess.run(
            [ROOT + '/tools/setup', 'mongod'], check=True,
            stdout=subprocess.PIPE).stdout.decode().strip()
        self.env = dict(
            os.environ, M3MTA_HOME=self.home, M3MTA_MONGOD=mongod,
            M3MTA_BIN=os.path.abspath(BUILD) + '/bin',
            M3MTA_PORTS=','.join(f'{k}={v}' for k, v in self.ports.items()))
        self.addCleanup(self.tool, 'stop', code=None)

    def tool(self, *words, code=0):
        done = subprocess.run(
            [ROOT + '/tools/run', *words], env=self.env, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        text = done.stdout.decode()
        if code is not None:
            self.assertEqual(done.returncode, code, text)
        return text

    def pids(self):
        """All whose environment names our folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    if self.home.encode() in f.read():
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def test_start_twice_and_after_kill(self):
        text = self.tool('start')
        self.assertIn('It works.', text)
        self.assertIn(f"smtp {self.ports['smtp']}", text)
        path = self.home + '/demo-passwords'
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertTrue(self.tool('status'))
        self.tool('stop')
        self.assertEqual(self.pids(), [])
        self.assertIn('It works.', self.tool('start'))
        killed = self.pids()
        self.assertGreater(len(killed), 3)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        self.assertIn('It works.', self.tool('start'))
        self.tool('stop')
        self.assertEqual(self.pids(), [])

    def test_taken_port(self):
        with socket.create_server(('127.0.0.1', self.ports['imap'])):
            text = self.tool('start', code=1)
        self.assertIn(str(self.ports['imap']), text)
        self.assertIn('taken', text)


if __name__ == '__main__':
    unittest.main()
