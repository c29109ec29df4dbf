"""Workers that die or are told to end: only what kills workers is Held."""
import time
import unittest

from harness import wait_for
from test_leases import LeaseTest


class Deaths(LeaseTest):
    def mda(self, code=0, env=None):
        """Once, with the leases of the dead at their end."""
        self.end_leases()
        return self.system.mda(code=code, env=env, fault=bool(env))

    def test_neighbours_of_what_kills_workers_are_not_held(self):
        """After its first death a batch is claimed one by one: three deaths
        hold one message at most, whoever died of it."""
        before = self.inbox()
        for _ in range(4):
            self.post('ann@example.org')
        for _ in range(3):
            self.mda(-9, {'M3MTA_FAULT': 'mda-claimed:kill'})
        self.end_leases()
        self.mda()
        self.assertEqual([i['held'] for i in self.waiting()], [True])
        self.assertEqual(self.inbox(), before + 3)

    def test_what_killed_three_workers_is_held_with_the_reason(self):
        self.post('ann@example.org')
        for _ in range(3):
            self.mda(-9, {'M3MTA_FAULT': 'mda-claimed:kill'})
        done = self.mda()
        self.assertIn(b'event=held', done.stderr)
        item, = self.waiting()
        self.assertTrue(item['held'])
        shown = self.system.m3mta('queue', 'show', str(item['_id']))
        self.assertIn('3 workers that had it died', shown)
        self.assertIn('3 workers that had it',
                      self.system.m3mta('queue', 'list'))
        self.system.verify()
        self.system.m3mta('queue', 'release', str(item['_id']))
        self.mda()
        self.assertEqual(self.waiting(), [])

    def test_who_lives_and_gives_back_is_no_death(self):
        """Stopped at work four times: none of them counts."""
        self.fake('slow.example', delays={'RCPT': 30})
        self.post('u@slow.example')
        for _ in range(4):
            mda = self.start()
            wait_for(lambda: self.waiting()[0].get('leased'), 30, 'a claim')
            time.sleep(0.5)
            self.system.stop(mda)
        item, = self.waiting()
        self.assertEqual((item['starts'], item['held'], item['leased'],
                          item['attempts']), (0, False, False, 0))


del LeaseTest

if __name__ == '__main__':
    unittest.main()
