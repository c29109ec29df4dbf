"""tools/setup where it can not install: what it says, and how it ends."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

SETUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..',
                     'tools', 'setup')


class Setup(unittest.TestCase):
    """dpkg-query is a fake that misses a package: the fault to be forced."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='m3t-')
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.script('dpkg-query', 'for last; do :; done\n'
                    '[ "$last" = check ] || printf installed\n')
        self.script('apt-get', 'touch "$0.ran"\n')
        # Not where the clone is: that need not be readable for everybody.
        self.setup = os.path.join(self.folder, 'setup')
        shutil.copy(SETUP, self.setup)
        os.chmod(self.setup, 0o755)

    def script(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as f:
            f.write('#!/bin/sh\n' + text)
        os.chmod(path, stat.S_IRWXU | 0o055)

    def run_setup(self, *words, user=None):
        return subprocess.run(
            [self.setup, *words], user=user, cwd='/',
            env={'PATH': f'{self.folder}:/usr/sbin:/usr/bin:/sbin:/bin',
                 'HOME': self.folder},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_without_root(self):
        done = self.run_setup('test', user=None if os.geteuid() else 'nobody')
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.decode().splitlines()[-1].strip(),
                         'sudo apt-get install check')
        self.assertFalse(os.path.exists(self.folder + '/apt-get.ran'))

    def test_with_root(self):
        done = self.run_setup('fuzz')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(self.folder + '/apt-get.ran'))

    def test_usage(self):
        done = self.run_setup('what')
        self.assertEqual(done.returncode, 64)
        self.assertIn(b'usage', done.stderr)


if __name__ == '__main__':
    unittest.main()
