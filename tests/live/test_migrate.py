"""The stored form has a number: `m3mta init` brings older data forward, and a
program does not touch what it does not know."""
import glob
import os
import random
import subprocess
import time
import unittest

import dump
from fake_mta import FakeMta
from harness import Dialog, LiveTest, System, wait_for

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data')


def indexes(db):
    found = {}
    for name in db.list_collection_names():
        found[name] = {i['name']: sorted(i['key'].items())
                       for i in db[name].list_indexes()}
    return found


class OldData(unittest.TestCase):
    def restore(self, path):
        """A system whose database is this dump, not yet migrated."""
        system = System()
        self.addCleanup(system.close)
        self.fresh = indexes(system.db)
        self.number = system.db.config.find_one('schema')['number']
        system.client.drop_database(system.name)
        expected = dump.restore(system.db, path)
        for address in expected['mail']:
            system.passwords[address] = 'secret'
        return system, expected

    def check(self, path):
        system, expected = self.restore(path)
        # Older versions took limits of 2^63 and more.
        system.db.mailboxes.update_one({'_id': 'ann@example.org'}, {
            '$set': {'size.maximum': -(1 << 63)}})
        system.db.domains.update_one({'_id': 'example.org'}, {
            '$set': {'max_size': -1}})
        # The daemons wait for init: a client is told to come again.
        d = Dialog(system, 'm3mta-smtp')
        d.reply()
        d.smtp('EHLO x.example')
        d.smtp('MAIL FROM:<a@far.example>')
        answer = d.smtp('RCPT TO:<ann@example.org>')
        self.assertRegex(answer, '^4')
        self.assertNotIn('schema', answer)
        d.close()
        system.m3mta('verify', code=78)
        done = system.run([system.binary('m3mta-mda'), '-c', system.config],
                          code=78)
        self.assertIn(b'm3mta init', done.stderr)
        system.m3mta('init')
        system.m3mta('init')
        self.assertEqual(indexes(system.db), self.fresh)
        self.assertEqual(system.db.config.find_one('schema')['number'],
                         self.number)
        system.verify()
        system.m3mta('config', 'check')
        self.assertEqual((
            system.db.mailboxes.find_one('ann@example.org')['size']['maximum'],
            system.db.domains.find_one('example.org')['max_size']), (0, 0))
        port = system.serve('m3mta-imap', 'imap')
        mail = dump.mail(system, port, expected['mail'])
        for address, folders in expected['mail'].items():
            for name, seen in folders.items():
                self.assertEqual(mail[address][name], seen, (address, name))
        self.work_on(system, port, mail)
        self.deliver(system, expected)
        system.m3mta('gc')
        system.verify()

    def work_on(self, system, port, mail):
        """What is made now stands above all that was."""
        last = max(row[0] for folders in mail.values()
                   for row in folders.values())
        c = system.imap(port, 'ann@example.org')
        self.assertEqual(c.create('New/One')[0], 'OK')
        c.select('New/One')
        self.assertGreater(int(c.response('UIDVALIDITY')[1][0]), last)
        c.select('Work')
        for command in (('STORE', '1:100', '+FLAGS', '(again)'),
                        ('COPY', '1:20', 'New/One'),
                        ('MOVE', '21:40', 'New')):
            self.assertEqual(c.uid(*command)[0], 'OK')
        c.logout()

    def deliver(self, system, expected):
        fake = FakeMta()
        self.addCleanup(fake.close)
        self.assertEqual(len(expected['queued']), 7)
        system.m3mta('domain', 'set', 'relay.example',
                     f'--route=127.0.0.1:{fake.port}')
        system.m3mta('queue', 'release', '--held')
        # The bounce of the unknown recipient goes nowhere here.
        system.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                     f'--route=127.0.0.1:{fake.port}')

        def is_done():
            system.m3mta('queue', 'retry', '--older=0s')
            system.mda()
            return system.db.queue.count_documents(
                {'recipients.state': {'$in': ['P', 'H']}}) == 0
        wait_for(is_done, 60, 'an empty queue')
        seen = [str(m) for m in fake.messages]
        for text in ('half', 'waits, mixed'):
            self.assertEqual(sum(f'Subject: {text}' in m for m in seen), 1,
                             text)
        shown = {}
        port = system.serve('m3mta-imap', 'imap')
        for address in expected['mail']:
            c = system.imap(port, address)
            c.select('INBOX')
            shown[address] = [
                r[1].decode().strip()[9:] for r in c.fetch(
                    '1:*', '(BODY[HEADER.FIELDS (SUBJECT)])')[1]
                if isinstance(r, tuple)]
            c.logout()
        for address, text in (
                ('ann@example.org', 'waits'), ('bob@example.org', 'half'),
                ('bob@example.org', 'waits, big'),
                ('cat@example.org', 'held'),
                ('cat@example.org', 'waits, mixed')):
            self.assertEqual(shown[address].count(text), 1, (address, text))

    def test_the_data_of_each_past_form_is_brought_forward(self):
        paths = sorted(glob.glob(DATA + '/store-*.bson.xz'))
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(os.path.basename(path)):
                self.check(path)


class Newer(LiveTest):
    def test_a_newer_database_is_left_alone(self):
        s = self.system
        s.add_domain()
        s.db.config.update_one({'_id': 'schema'}, {'$inc': {'number': 1}})
        self.addCleanup(s.db.config.update_one, {'_id': 'schema'},
                        {'$inc': {'number': -1}})
        before = list(s.db.domains.find()), indexes(s.db)
        for words in (('init',), ('verify',), ('gc',),
                      ('domain', 'add', 'b.example')):
            done = s.run([s.binary('m3mta'), '-c', s.config, *words], code=78)
            self.assertIn(b'newer version', done.stderr, words)
        d = self.dialog('m3mta-imap')
        d.line()
        self.assertIn(b'UNAVAILABLE', d.imap('a', 'LOGIN a@example.org x'))
        s.mda(code=78)
        self.assertEqual((list(s.db.domains.find()), indexes(s.db)), before)

    def test_what_is_no_number_is_not_taken_for_one(self):
        """Init would begin with the first step, and end without a number."""
        s = self.system
        old = s.db.config.find_one('schema')
        self.addCleanup(s.db.config.replace_one, {'_id': 'schema'}, old)
        for bad in (str(old['number']), [old['number']], -1, 6.5, None):
            s.db.config.update_one({'_id': 'schema'},
                                   {'$set': {'number': bad}})
            done = s.run([s.binary('m3mta'), '-c', s.config, 'init'],
                         code=78)
            self.assertIn(b'no whole number', done.stderr)
            self.assertEqual(s.db.config.find_one('schema')['number'], bad)
            s.m3mta('verify', code=78)


class Killed(OldData):
    def check(self, path):
        """Init is killed again and again, then three run at once."""
        system, _ = self.restore(path)
        argv = [system.binary('m3mta'), '-c', system.config, 'init']
        for i in range(12):
            process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
            time.sleep(0.06 * i * random.random())
            process.kill()
            process.wait()
        running = [subprocess.Popen(argv, stdout=subprocess.DEVNULL)
                   for _ in range(3)]
        self.assertEqual([p.wait(120) for p in running], [0, 0, 0])
        self.assertEqual(indexes(system.db), self.fresh)
        self.assertEqual(system.db.config.find_one('schema')['number'],
                         self.number)
        system.verify()
        system.m3mta('config', 'check')


if __name__ == '__main__':
    unittest.main()
