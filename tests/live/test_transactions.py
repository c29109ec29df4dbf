"""Many recipients of one message at one remote system: those that it calls
too many, thousands of them, and a crash between two transactions."""
import unittest

import bson

from harness import wait_for
from test_leases import LeaseTest

MANY = 10000


def at_most(n, answer):
    """Recipients of one transaction."""
    return lambda so_far: '250 2.1.5 ok' if so_far < n else answer


class TooMany(LeaseTest):
    def addresses(self, fake):
        return sorted(x.decode().split('<')[1].split('>')[0]
                      for e, _ in fake.messages for x in e)

    def check(self, answer, each, n, extensions):
        fake = self.fake('slow.example', script={'RCPT': at_most(
            each, answer)}, extensions=extensions)
        want = [f'u{i}@slow.example' for i in range(n)]
        before = self.inbox()
        self.post(*want)
        self.system.mda()
        self.assertEqual(self.addresses(fake), sorted(want))
        self.assertEqual(self.waiting(), [])
        self.assertEqual(fake.sessions, 1)
        self.assertEqual(len(fake.messages), -(-n // each))
        self.assertEqual(self.inbox(), before)

    def test_the_rest_goes_into_the_next_transaction_at_once(self):
        for extensions in ((), ('PIPELINING',)):
            for answer, each, n in (
                    ('452 4.5.3 Recipients belong to multiple regions', 1, 3),
                    ('452 4.5.3 too many', 7, 30),
                    ('552 5.5.3 Maximum limit of 3 recipients', 3, 6)):
                with self.subTest(answer, extensions=extensions):
                    self.check(answer, each, n, extensions)

    def test_552_for_the_first_recipient_is_a_refusal(self):
        self.fake('slow.example', script={'RCPT': '552 5.2.2 full'})
        before = self.inbox()
        self.post('u@slow.example')
        self.system.mda()
        self.system.mda()
        self.assertEqual(self.waiting(), [])
        self.assertEqual(self.inbox(), before + 1)

    def test_452_where_nothing_was_taken_waits(self):
        fake = self.fake('slow.example', script={'RCPT': '452 4.3.1 no'})
        self.post('u@slow.example', 'v@slow.example')
        self.system.mda()
        item, = self.waiting()
        self.assertEqual([r['state'] for r in item['recipients']], ['P'] * 2)
        self.assertEqual(sum(c.startswith('MAIL') for c in fake.commands), 1)
        self.system.db.queue.delete_many({})


class Lists(LeaseTest):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.system.add_mailbox('owner@example.org')

    def make_list(self, n):
        """As m3mta list add does, without a command line of its length."""
        s = self.system
        s.m3mta('list', 'add', 'all@example.org', 'm0@slow.example',
                '--owner=owner@example.org')
        self.addCleanup(s.m3mta, 'list', 'remove', 'all@example.org')
        s.db.mailboxes.update_one({'_id': 'all@example.org'}, {'$set': {
            'destinations': [f'm{i}@slow.example' for i in range(n)]}})

    def test_ten_thousand_members_and_one_that_defers(self):
        self.make_list(MANY)
        fake = self.fake('slow.example', extensions=('PIPELINING',))
        good_act = fake.act

        def act(sock, stage, good):
            if stage == 'RCPT' and '<m77@' in fake.commands[-1]:
                sock.sendall(b'450 4.2.0 ' + b'later ' * 60 + b'\r\n')
                return True
            return good_act(sock, stage, good)
        fake.act = act
        self.post('all@example.org')
        self.start()
        wait_for(lambda: any(i['attempts'] for i in self.waiting()
                             if len(i['recipients']) == MANY), 240,
                 'the end of the first attempt')
        item, = self.waiting()
        states = [r['state'] for r in item['recipients']]
        self.assertEqual(states.count('P'), 1)
        self.assertEqual(item['recipients'][77]['code'], 450)
        self.assertEqual(sum(bool(r['transcript'])
                             for r in item['recipients']), 1)
        sent = [c for c in fake.commands if c.startswith('RCPT')]
        self.assertEqual(len(sent), MANY)
        self.assertEqual(len(set(sent)), MANY)
        self.assertEqual(len(fake.messages), MANY // 100)

    def long_names(self, n):
        """Aliases, each the destination of the one before it."""
        names = [f'a{i}' + 'x' * 235 + '@example.org' for i in range(n)]
        template = self.system.db.mailboxes.find_one(
            {'_id': 'all@example.org'})
        self.system.db.mailboxes.insert_many([dict(
            template, _id=name, kind='alias', destinations=[to])
            for name, to in zip(names, names[1:] + ['all@example.org'])])
        self.addCleanup(self.system.db.mailboxes.delete_many,
                        {'_id': {'$in': names}})
        return names

    def test_a_way_too_long_for_so_many_ends_in_a_report(self):
        """An alias, and a list, of 9,000 behind names of 250 octets: as a
        document that was more than a database takes."""
        self.make_list(9000)
        fake = self.fake('slow.example')
        first = self.long_names(8)[0]
        for kind in ('list', 'alias'):
            self.system.db.mailboxes.update_one(
                {'_id': 'all@example.org'}, {'$set': {'kind': kind}})
            before = self.inbox()
            self.post(first)
            self.system.mda()
            self.assertEqual(self.waiting(), [], kind)
            self.assertEqual(self.inbox(), before + 1)
            self.assertIn('too long', self.last('ann'))
        self.system.db.mailboxes.update_one(
            {'_id': 'all@example.org'}, {'$set': {'kind': 'list'}})
        self.assertEqual(fake.messages, [])

    def last(self, name):
        """The text of the newest message."""
        owner = self.system.db.mailboxes.find_one(
            {'_id': f'{name}@example.org'})['owner']
        message = self.system.db.messages.find_one(
            {'owner': owner}, sort=[('$natural', -1)])
        blob = self.system.db.blobs.find(
            {'_id': {'$gte': message['blob'].binary + bytes(4)}}) \
            .sort('_id', 1).limit(1)[0]
        return bytes(blob['b']).decode()

    def test_a_document_that_is_full_ends_in_a_report(self):
        """However it came to that: the outcome that does not fit is never
        tried again and again."""
        self.fake('slow.example', script={
            'RCPT': '450 4.2.0 ' + 'x' * 1900})
        before = self.inbox()
        self.post('u@slow.example')
        item, = self.waiting()
        size = len(bson.encode(item))
        self.system.db.queue.update_one({'_id': item['_id']}, {'$set': {
            'filler': bytes(16 * 1024 * 1024 - size - 2000)}})
        self.system.mda()
        self.assertEqual(self.waiting(), [])
        self.assertEqual(self.inbox(), before + 1)

    def test_a_crash_repeats_one_transaction_not_the_list(self):
        self.make_list(450)
        fake = self.fake('slow.example', extensions=('PIPELINING',))
        self.post('all@example.org')
        fault = self.start('-o', 'remote.concurrency=1', fault=True, env={
            'M3MTA_FAULT': 'mda-remote-sent:kill:3'})
        wait_for(lambda: len(fake.messages) == 3, 60, 'three transactions')
        self.system.stop(fault)
        self.end_leases()
        self.system.db.limits.delete_many({})
        self.system.mda()
        self.assertEqual(self.waiting(), [])
        self.assertEqual([len(e) for e, _ in fake.messages],
                         [100, 100, 100, 100, 100, 50])
        seen = [x for e, _ in fake.messages for x in e]
        self.assertEqual(len(set(seen)), 450)


del LeaseTest

if __name__ == '__main__':
    unittest.main()
