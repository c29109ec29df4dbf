"""UIDVALIDITY: no name ever gets a value again (RFC 9051 2.3.1.1)."""
import datetime
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
        old = s.db.counters.find_one_and_update(
            {'_id': 'uidvalidity'}, {'$set': {'last': 5}})
        try:
            done = s.run([s.binary('m3mta'), '-c', s.config, 'verify'],
                         code=1)
            self.assertIn(b'uidvalidity', done.stdout)
        finally:
            s.db.counters.replace_one({'_id': 'uidvalidity'}, old)
        s.verify()


class Restore(LiveTest):
    settings = {'mda__lease': '1h'}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox(ANN)

    def copy(self):
        """All collections, as a backup has them."""
        db = self.system.db
        return {name: list(db[name].find())
                for name in db.list_collection_names()}

    def restore(self, backup):
        db = self.system.db
        for name in db.list_collection_names():
            db[name].delete_many({})
        for name, rows in backup.items():
            if rows:
                db[name].insert_many(rows)

    def folders(self):
        return {f['name']: f for f in self.system.db.folders.find()}

    def send(self, port, subject):
        self.system.send(port, 'x@far.example', [ANN],
                         f'Subject: {subject}\r\n\r\nx\r\n')

    def test_after_a_restore_clients_begin_anew_and_mail_goes_on(self):
        s = self.system
        smtp, imap = s.serve('m3mta-smtp', 'smtp'), s.serve(
            'm3mta-imap', 'imap')
        c = s.imap(imap, ANN)
        c.subscribe('Later')
        c.create('Made')
        c.logout()
        self.send(smtp, 'one')
        s.mda()
        self.send(smtp, 'two')
        # A worker had it when the backup was made.
        s.db.queue.update_many({}, {
            '$set': {'next_at': datetime.datetime(2999, 1, 1),
                     'starts': 1, 'worker': 'gone'},
            '$inc': {'epoch': 1}})
        s.db.limits.insert_one({'_id': 'x', 'n': 1})
        backup = self.copy()
        self.send(smtp, 'three')
        s.mda()
        c = s.imap(imap, ANN)
        c.delete('Made')
        c.create('Made')
        c.logout()
        before = self.folders()
        s.stop_all()
        self.restore(backup)
        for _ in range(2):
            shown = s.m3mta_json('restored')
            after = self.folders()
            self.assertEqual(shown['folders'], 7)
            for name, f in after.items():
                if f.get('noselect'):
                    continue
                self.assertGreater(f['uidvalidity'],
                                   before[name]['uidvalidity'], name)
            before = after
        values = [f['uidvalidity'] for f in after.values()
                  if not f.get('noselect')]
        self.assertEqual(len(set(values)), 7)
        self.assertEqual(s.db.limits.count_documents({}), 0)
        s.verify()
        s.mda()  # the lease of an hour is over
        self.assertEqual(self.folders()['INBOX']['exists'], 2)
        s.verify()
        # What is made next is above them all.
        imap = s.serve('m3mta-imap', 'imap')
        c = s.imap(imap, ANN)
        c.create('Next')
        c.logout()
        self.assertGreater(self.folders()['Next']['uidvalidity'],
                           max(values))

    def test_the_queue_can_be_held(self):
        s = self.system
        smtp = s.serve('m3mta-smtp', 'smtp')
        self.send(smtp, 'four')
        # A worker had it when the backup was made.
        s.db.queue.update_many({}, {
            '$set': {'next_at': datetime.datetime(2999, 1, 1),
                     'starts': 1, 'worker': 'gone', 'leased': True},
            '$inc': {'epoch': 1}})
        self.assertEqual(s.m3mta_json('restored', '--hold-queue')['held'], 1)
        s.mda()
        self.assertEqual(len(s.m3mta_json('queue', 'list')), 1)
        s.m3mta('queue', 'release', '--held')
        s.mda()
        self.assertEqual(s.m3mta_json('queue', 'list'), [])


if __name__ == '__main__':
    unittest.main()
