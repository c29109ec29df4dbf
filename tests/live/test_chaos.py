"""Ninety seconds of the campaign of faults (tests/chaos/run): nothing is
lost, doubled, late or stranded. `make chaos SECONDS= SEED=` for longer."""
import os
import subprocess
import sys
import unittest

from harness import BUILD

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = '90'
# With the wait for the queue and the last look at everything.
LIMIT = 800


class Chaos(unittest.TestCase):
    time_limit = LIMIT

    def test_nothing_is_lost_doubled_or_stuck_under_faults(self):
        process = subprocess.Popen(
            [sys.executable, HERE + '/../chaos/run', '--build', BUILD,
             '--seconds', SECONDS],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        text = process.communicate(timeout=LIMIT)[0].decode()
        self.assertEqual(process.returncode, 0, text)
        self.assertIn('lost 0; doubled 0; ', text)


if __name__ == '__main__':
    unittest.main()
