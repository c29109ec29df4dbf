"""UIDVALIDITY: no name ever gets a value again (RFC 9051 2.3.1.1)."""
import time
import unittest

from harness import LiveTest

ANN = 'ann@example.org'


class UidValidity(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox(ANN)
        cls.port = cls.system.serve('m3mta-imap', 'imap')

    def values(self):
        c = self.system.imap(self.port, ANN)
        found = {}
        for name in ('INBOX', 'Sent', 'Made'):
            if c.select(name)[0] == 'OK':
                found[name] = int(c.response('UIDVALIDITY')[1][0])
        c.logout()
        return found

    def make(self):
        c = self.system.imap(self.port, ANN)
        self.assertEqual(c.create('Made')[0], 'OK')
        c.append('Made', None, None, b'Subject: x\r\n\r\nx\r\n')
        c.logout()

    def test_a_mailbox_made_again_has_greater_values(self):
        s = self.system
        for _ in range(3):
            self.make()
            before = self.values()
            s.m3mta('mailbox', 'remove', ANN, '--yes')
            s.add_mailbox(ANN)
            self.make()
            after = self.values()
            for name, value in before.items():
                self.assertGreater(after[name], value, name)
            c = s.imap(self.port, ANN)
            c.delete('Made')
            c.logout()

    def test_a_value_is_never_below_the_seconds_of_the_server(self):
        # So what another database gave to the same names is below it.
        self.assertGreater(min(self.values().values()),
                           time.time() - 3600)

    def test_a_folder_made_again_has_a_greater_value(self):
        c = self.system.imap(self.port, ANN)
        last = 0
        for _ in range(4):
            c.create('Made')
            value = self.values()['Made']
            self.assertGreater(value, last)
            last = value
            c.delete('Made')
        c.logout()

    def test_verify_tells_of_a_counter_that_went_back(self):
        s = self.system
        old = s.db.config.find_one_and_update(
            {'_id': 'uidvalidity'}, {'$set': {'last': 5}})
        try:
            done = s.run([s.binary('m3mta'), '-c', s.config, 'verify'],
                         code=1)
            self.assertIn(b'uidvalidity', done.stdout)
        finally:
            s.db.config.replace_one({'_id': 'uidvalidity'}, old)
        s.verify()


if __name__ == '__main__':
    unittest.main()
