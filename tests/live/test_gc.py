"""gc takes what nothing refers to, and never anything else: whatever is
copied, expunged, delivered or received meanwhile, by whatever clock."""
import datetime
import hashlib
import random
import re
import threading
import time
import unittest
import uuid

import bson

from harness import LiveTest, wait_for
from late import LateTest, Rule, through
from limits import LIMITS

DAY = datetime.timedelta(days=1)
LINE = 'y' * 70 + '\r\n'
ALL_NOW = ('gc', '--min-age=0s')


def message(name, size=100):
    """It tells by itself whether it is whole."""
    body = f'{name}\r\n' + LINE * (size // len(LINE) + 1)
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'Subject: {name}\r\nX-Sum: {digest}\r\n\r\n{body}'


def is_whole(octets):
    header, _, body = octets.partition(b'\r\n\r\n')
    wanted = re.search(rb'X-Sum: (\w+)', header)
    return bool(wanted) and hashlib.sha256(
        body).hexdigest().encode() == wanted.group(1)


class Imap:
    def __init__(self, dialog, folder='INBOX'):
        self.d = dialog
        self.d.sock.settimeout(60)
        self.d.line()
        self.n = 0
        if folder:
            self.do(f'SELECT {folder}')

    def do(self, command):
        self.n += 1
        return self.d.imap(f'a{self.n}', command)

    def append(self, text, folder='INBOX'):
        return self.do(f'APPEND {folder} {{{len(text)}+}}\r\n{text}')

    def expunge(self, what):
        self.do(rf'STORE {what} +FLAGS (\Deleted)')
        return self.do('EXPUNGE')

    def bodies(self, folder):
        """Each message of a folder, octet by octet."""
        self.do(f'EXAMINE {folder}')
        text = self.do('FETCH 1:* BODY.PEEK[]')
        if b' OK ' not in text.rsplit(b'\r\na', 1)[-1] and \
                b'BAD' not in text:
            raise AssertionError(text[-300:])
        found, at = [], 0
        while True:
            head = re.compile(rb'BODY\[\] \{(\d+)\}\r\n').search(text, at)
            if not head:
                return found
            at = head.end() + int(head.group(1))
            found.append(text[head.end():at])


class Store(LateTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        super().setUp()
        self.address = f'u{uuid.uuid4().hex[:8]}@example.org'
        self.system.m3mta('mailbox', 'add', self.address, '--no-password')

    def imap(self, address=None, folder='INBOX', system=None):
        d = (self.late_dialog if system else self.dialog)(
            'm3mta-imap', '--preauth', address or self.address)
        return Imap(d, folder)

    def begin_data(self, to=None):
        d = self.dialog('m3mta-smtp')
        d.sock.settimeout(90)
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp('MAIL FROM:<>')
        for address in to or [self.address]:
            self.assertTrue(d.smtp(f'RCPT TO:<{address}>')
                            .startswith('250'))
        self.assertTrue(d.smtp('DATA').startswith('354'))
        return d

    def deliver(self, text, *to):
        d = self.begin_data(to)
        d.send(text)
        self.assertTrue(d.smtp('.\r\n').startswith('250'))
        d.close()
        self.system.mda()

    def gc(self):
        self.system.m3mta(*ALL_NOW)

    def check_all(self, *folders, address=None, n=None):
        found = []
        s = self.imap(address, None)
        for folder in folders:
            found += s.bodies(folder)
        self.assertEqual([x[:200] for x in found if not is_whole(x)], [])
        if n is not None:
            self.assertEqual(len(found), n)
        self.system.verify()


class References(Store):
    def test_two_copies_expunged_at_once_leave_the_third(self):
        self.deliver(message('one', 100000), self.address)
        s = self.imap()
        s.do('COPY 1 INBOX')
        s.do('COPY 1 Archive')
        s.expunge('1:2')
        self.gc()
        self.check_all('Archive', n=1)

    def test_who_is_on_the_list_and_named_deletes_both_copies(self):
        other = 'o' + self.address
        self.system.m3mta('mailbox', 'add', other, '--no-password')
        team = 'team' + self.address
        self.system.m3mta('list', 'add', team, self.address, other,
                          f'--owner={other}')
        self.deliver(message('all', 100), team, self.address)
        self.system.mda()
        s = self.imap()
        self.assertIn(b'* 2 EXISTS', s.do('SELECT INBOX'))
        s.expunge('1:2')
        self.gc()
        self.check_all('INBOX', address=other, n=1)

    def test_the_last_copy_goes(self):
        blobs = self.system.db.blobs
        before = blobs.count_documents({})
        self.deliver(message('gone', 300000), self.address)
        self.assertEqual(blobs.count_documents({}), before + 1)
        self.imap().expunge('1')
        self.gc()
        self.assertEqual(blobs.count_documents({}), before)
        self.system.verify()


class Incoming(Store):
    def blob_of_data(self, n_chunks=2):
        """The newest blob that comes in, once it has that many chunks."""
        db = self.system.db

        def find():
            sign = db.incoming.find_one(sort=[('at', -1)])
            return sign and db.blobs.count_documents(
                {'_id': {'$gte': sign['_id'].binary + bytes(4),
                         '$lte': sign['_id'].binary + b'\xff' * 4}}
            ) >= n_chunks and sign['_id']
        return wait_for(find, 30, 'chunks')

    def in_the_middle_of_data(self, meanwhile):
        text = message('big', 3 << 20)
        half = text.index('\r\n', len(text) * 4 // 5) + 2
        d = self.begin_data()
        d.send(text[:half])
        meanwhile(self.blob_of_data())
        d.send(text[half:])
        reply = d.smtp('.\r\n')
        self.system.mda()
        return reply

    def in_the_middle_of_append(self, meanwhile):
        text = message('big', 3 << 20)
        half = len(text) * 4 // 5
        s = self.imap(folder=None)
        s.d.send(f'x APPEND INBOX {{{len(text)}+}}\r\n{text[:half]}')
        meanwhile(self.blob_of_data())
        s.d.send(text[half:] + '\r\n')
        return s.d.until('x').decode()

    def collect(self, blob):
        self.gc()

    def collect_days_later(self, blob):
        """As when the writer stood still for two days."""
        self.system.db.incoming.update_one(
            {'_id': blob},
            {'$set': {'at': datetime.datetime.utcnow() - 2 * DAY}})
        self.gc()

    def test_gc_leaves_alone_what_data_brings(self):
        self.assertTrue(self.in_the_middle_of_data(self.collect)
                        .startswith('250'))
        self.check_all('INBOX', n=1)

    def test_gc_leaves_alone_what_append_brings(self):
        self.assertIn('x OK', self.in_the_middle_of_append(self.collect))
        self.check_all('INBOX', n=1)

    def test_data_whose_octets_were_taken_is_not_accepted(self):
        reply = self.in_the_middle_of_data(self.collect_days_later)
        self.assertTrue(reply.startswith('451'), reply)
        self.check_all('INBOX', n=0)

    def test_append_whose_octets_were_taken_is_not_done(self):
        self.assertIn('x NO [UNAVAILABLE]', self.in_the_middle_of_append(
            self.collect_days_later))
        self.check_all('INBOX', n=0)

    def test_gc_that_stands_still_at_its_decision(self):
        """It has found no reference, and its commit waits: the message is
        refused, or stays whole."""
        def slow_gc(blob):
            self.system.db.incoming.update_one(
                {'_id': blob},
                {'$set': {'at': datetime.datetime.utcnow() - 2 * DAY}})
            self.proxy.rule = Rule('requests', 'commitTransaction',
                                   seconds=5)
            self.thread = threading.Thread(
                target=self.late.m3mta, args=ALL_NOW)
            self.thread.start()
            wait_for(lambda: self.proxy.rule.seen, 20)
        reply = self.in_the_middle_of_data(slow_gc)
        self.thread.join(60)
        self.assertIn(reply[:3], ('250', '451'))
        self.system.mda()
        self.check_all('INBOX', n=int(reply.startswith('250')))


class Orphans(Store):
    def add_chunk(self, blob, n=0):
        self.system.db.blobs.insert_one(
            {'_id': bson.Binary(blob.binary + n.to_bytes(4, 'big')),
             'b': b'x'})

    def test_orphans_are_found_whatever_clock_made_them(self):
        """Of a host years ahead, years behind; without their first chunk."""
        times = [datetime.datetime(y, 1, 1) for y in (1990, 2026, 2100)]
        for i, t in enumerate(times):
            self.add_chunk(bson.ObjectId.from_datetime(t), i)
        self.gc()
        self.assertEqual(self.system.db.blobs.count_documents({}), 0)

    def test_what_has_a_young_sign_stays(self):
        blob = bson.ObjectId()
        self.add_chunk(blob)
        self.system.db.incoming.insert_one(
            {'_id': blob, 'at': datetime.datetime.utcnow()})
        self.gc()
        self.assertEqual(self.system.db.blobs.count_documents({}), 1)
        self.system.db.incoming.update_one(
            {'_id': blob},
            {'$set': {'at': datetime.datetime.utcnow() - 2 * DAY}})
        self.gc()
        self.assertEqual(self.system.db.blobs.count_documents({}), 0)
        self.assertEqual(self.system.db.incoming.count_documents({}), 0)

    def test_gc_ends_on_a_record_of_another_form(self):
        """Ids of another subtype, as another tool's copy has them."""
        trash = self.system.db.trash
        for i in range(3):
            trash.insert_one(
                {'owner': bson.Binary(uuid.uuid4().bytes, 3),
                 'folder': bson.ObjectId(), 'm': i, 'u': [1, 1],
                 'at': datetime.datetime(2020, 1, 1),
                 'messages': [bson.ObjectId()]})
        self.system.run([self.system.binary('m3mta'), '-c',
                         self.system.config, *ALL_NOW], code=None, timeout=20)
        self.assertEqual(trash.count_documents({'messages.0': {
            '$exists': True}}), 0)


    def record(self, **fields):
        return dict({'owner': bson.Binary(uuid.uuid4().bytes, 4),
                     'folder': bson.ObjectId(), 'm': 1, 'u': [1, 1],
                     'at': datetime.datetime(2020, 1, 1),
                     'messages': [bson.ObjectId()]}, **fields)

    def test_a_record_of_a_broken_form_holds_up_no_other(self):
        """What it names is no list; the walk finds what it meant."""
        trash = self.system.db.trash
        trash.insert_many([
            self.record(messages={'0': bson.ObjectId()}),
            self.record(blobs={'0': 1}, messages=[]),
            self.record(at=datetime.datetime(2020, 1, 2))])
        self.system.m3mta('gc')
        self.assertEqual(trash.count_documents({'$or': [
            {'messages.0': {'$exists': True}},
            {'blobs.0': {'$exists': True}}]}), 0)

    def test_the_walk_finds_orphans_between_what_is_used(self):
        """More than two batches of it, with chunks missing; all that is
        referred to stays."""
        self.deliver(message('kept', 200000), self.address)
        before = self.system.db.blobs.count_documents({})
        self.system.db.blobs.insert_many([
            {'_id': bson.Binary(bson.ObjectId().binary + bytes([0, 0, 0, n])),
             'b': b'x'} for _ in range(600) for n in (0, 2)])
        self.deliver(message('kept', 200000), self.address)
        self.gc()
        self.assertEqual(
            self.system.db.blobs.count_documents({}), before + 1)
        self.check_all('INBOX', n=2)
        self.imap().expunge('1:2')
        self.gc()
        self.system.db.incoming.delete_many({})


class GivenUp(Store):
    """What was written for a message that was not stored goes with the next
    gc; what has a young sign would stay a day."""

    def setUp(self):
        super().setUp()
        self.blobs = self.system.db.blobs
        self.before = self.blobs.count_documents({})
        self.signs = self.young_signs()

    def young_signs(self):
        return self.system.db.incoming.count_documents(
            {'at': {'$gt': datetime.datetime(1990, 1, 1)}})

    def collected(self):
        self.assertGreater(self.blobs.count_documents({}), self.before)
        wait_for(lambda: self.young_signs() == self.signs, 30, 'signs')
        self.system.m3mta('gc')
        self.assertEqual(self.blobs.count_documents({}), self.before)
        self.assertEqual(
            self.system.db.incoming.count_documents({}), self.signs)
        self.system.verify()

    def cancelled(self, s):
        """A MULTIAPPEND of two that were written, ended by an empty one."""
        text = message('one', 100000)
        one = f' {{{len(text)}+}}\r\n{text}'
        return s.do(f'APPEND INBOX{one}{one} {{0+}}\r\n')

    def test_of_a_command_that_failed(self):
        self.assertIn(b' NO ', self.cancelled(self.imap()))
        self.collected()

    def test_of_a_command_that_broke_off(self):
        s = self.imap()
        text = message('one', 1200000)
        s.d.send(f'x APPEND INBOX {{{len(text)}+}}\r\n{text}'
                 f' {{{len(text)}+}}\r\n{text[:-1000]}')
        wait_for(lambda: self.blobs.count_documents({}) >
                 self.before + 2, 30, 'chunks')
        s.d.close()
        self.collected()

    def test_of_data_that_broke_off(self):
        d = self.begin_data()
        d.send(message('one', 1200000))
        wait_for(lambda: self.blobs.count_documents({}) > self.before)
        d.close()
        self.collected()

    def test_of_a_message_that_was_refused(self):
        d = self.begin_data()
        d.send('Received: from a by b; x\r\n' * 200 + message('one', 100000))
        self.assertTrue(d.smtp('.\r\n').startswith('554'))
        d.smtp('NOOP')
        self.collected()

    def test_nobody_does_so_without_end(self):
        """Counted for a user, whatever sessions; small ones take no room."""
        self.cancelled(self.imap())
        key = self.system.db.mailboxes.find_one(
            {'_id': self.address})['owner']
        key = f'given up, {uuid.UUID(bytes=bytes(key.bytes))}'
        wait_for(lambda: self.system.db.limits.count_documents(
            {'_id': key, 'n': {'$gt': 200000}}), 20, 'the count')
        s, most = self.imap(), LIMITS['LIMIT_IMAP_GIVEN_UP']
        for n, want in ((most, b' OK '), (most + 1, b'NO [LIMIT]')):
            self.system.db.limits.update_one(
                {'_id': key}, {'$set': {'n': n}})
            self.assertIn(want, s.append(message('big', 100000)))
        self.assertIn(b'NO [LIMIT]', self.cancelled(s))
        self.assertIn(b' OK ', s.append(message('small')))
        self.assertIn(b'NO [LIMIT]', s.append(message('big', 100000)))
        self.system.db.limits.delete_one({'_id': key})
        self.assertIn(b' OK ', s.append(message('big', 100000)))
        self.system.m3mta('gc')


class Bound(Store):
    """What is expunged and not yet collected is bounded."""

    def setUp(self):
        super().setUp()
        self.system.m3mta('mailbox', 'set', self.address, '--quota=1000000')

    def octets(self):
        return sum(len(x['b']) for x in self.system.db.blobs.find())

    def trash_is_old(self):
        self.system.db.trash.update_many(
            {}, {'$set': {'at': datetime.datetime.utcnow() - 2 * DAY}})

    def test_append_and_expunge_fill_no_disk(self):
        s = self.imap()
        before = self.octets()
        for i in range(12):
            self.assertIn(b' OK ', s.append(message(f'm{i}', 800000)))
            s.do('NOOP')
            self.assertIn(b' OK ', s.expunge('1'))
            self.assertLess(self.octets() - before, 2000000)
        self.check_all('INBOX', n=0)
        self.gc()
        self.assertEqual(self.octets(), before)
        self.system.verify()

    def test_copies_make_room_too(self):
        s = self.imap()
        s.append(message('one', 400000))
        for _ in range(6):
            self.assertIn(b' OK ', s.do('COPY 1 INBOX'))
            s.do('NOOP')
            self.assertIn(b' OK ', s.expunge('2'))
        self.check_all('INBOX', n=1)

    def test_a_full_mailbox_is_full(self):
        s = self.imap()
        s.append(message('one', 800000))
        self.assertIn(b'[OVERQUOTA]', s.append(message('two', 800000)))


class Collector(Store):
    settings = {'gc.interval': '1s', 'gc.age': '0'}

    def test_the_loop_of_the_mda_collects(self):
        s = self.imap()
        s.append(message('one', 200000))
        s.do('NOOP')
        s.expunge('1')
        self.assertGreater(self.system.db.blobs.count_documents({}), 0)
        self.system.start_mda()
        wait_for(lambda: not self.system.db.blobs.count_documents({}), 60,
                 'no blobs')
        wait_for(lambda: 'event=collected' in self.system.logs(), 20)
        self.deliver(message('two', 200000), self.address)
        wait_for(lambda: b' 1 EXISTS' in s.do('SELECT INBOX'), 20)
        self.check_all('INBOX', n=1)


class Crowded(Store):
    def test_the_loop_takes_what_is_young_where_it_is_too_much(self):
        """Deliveries that were expunged, beyond the quota; what others
        expunged stays its day."""
        self.system.m3mta('mailbox', 'set', self.address, '--quota=300000')
        other = 'o' + self.address
        self.system.m3mta('mailbox', 'add', other, '--no-password')
        s, o = self.imap(), self.imap(other)
        for _ in range(2):
            self.deliver(message('much', 200000), self.address)
            s.do('NOOP')
            self.assertIn(b' OK ', s.expunge('1'))
        o.append(message('other', 200000))
        o.do('NOOP')
        o.expunge('1')
        self.assertEqual(self.system.db.blobs.count_documents({}), 3)
        self.system.start_mda()
        wait_for(lambda: self.system.db.blobs.count_documents({}) == 1, 60,
                 'room')
        self.assertEqual(self.system.db.mailboxes.find_one(
            {'_id': self.address})['size']['expunged'], 0)
        wait_for(lambda: 'event=collected' in self.system.logs(), 20)
        self.assertEqual(self.system.db.blobs.count_documents({}), 1)
        self.check_all('INBOX', n=0)


class Anything(Store):
    """Random copies, moves, expunges, appends, deliveries to a list with a
    member twice, and gc, all at once: what is there at the end is whole."""
    SECONDS = 12

    def prepare_accounts(self):
        self.users = [f'{x}{self.address}' for x in 'abc']
        for user in self.users:
            self.system.m3mta('mailbox', 'add', user, '--no-password')
        self.system.m3mta('list', 'add', f'all{self.address}', *self.users,
                          f'--owner={self.users[0]}')

    def play(self, user, rnd):
        s = self.imap(user, None)
        folders = ['INBOX', 'Archive', 'Sent']
        while time.monotonic() < self.end:
            n = int(re.search(rb'(\d+) EXISTS', s.do(
                f'SELECT {rnd.choice(folders)}')).group(1))
            one = f'{rnd.randint(1, max(n, 1))}'
            two = f'1:{rnd.randint(1, max(1, min(n, 4)))}'
            what = rnd.randint(0, 6) if n else 0
            if what == 0:
                s.append(message(f'm{rnd.random()}',
                                 rnd.choice((100, 70000, 1200000))))
            elif what < 3:
                s.do(f'COPY {rnd.choice((one, two))} {rnd.choice(folders)}')
            elif what == 3:
                s.do(f'MOVE {two} {rnd.choice(folders)}')
            else:
                s.expunge(rnd.choice((one, two)))

    def send(self, rnd):
        while time.monotonic() < self.end:
            d = self.begin_data([f'all{self.address}', self.users[0]])
            d.send(message(f's{rnd.random()}', rnd.choice((100, 90000))))
            d.smtp('.\r\n')
            d.close()
            time.sleep(0.2)

    def collect(self, rnd):
        while time.monotonic() < self.end:
            self.gc()

    def guard(self, what, *args):
        try:
            what(*args)
        except BaseException as e:
            self.wrong.append(repr(e))
            raise

    def test_whatever_happens_all_that_is_there_is_whole(self):
        self.prepare_accounts()
        seed = random.randrange(1 << 30)
        self.wrong = []
        self.end = time.monotonic() + self.SECONDS
        self.system.start_mda()
        work = [(self.play, u) for u in self.users + self.users[:1]]
        work += [(self.send,), (self.collect,), (self.collect,)]
        threads = [threading.Thread(target=self.guard, args=(
            *w, random.Random(seed + i))) for i, w in enumerate(work)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        self.assertEqual(self.wrong, [], f'seed {seed}')
        wait_for(lambda: not self.system.db.queue.count_documents({}), 60,
                 'an empty queue')
        for _ in range(2):
            for user in self.users:
                self.check_all('INBOX', 'Archive', 'Sent', address=user)
            self.gc()
        named = self.system.db.messages.distinct('blob')
        stored = {x['_id'][:12] for x in
                  self.system.db.blobs.find({}, {'_id': 1})}
        self.assertEqual(stored - {x.binary for x in named} -
                         {x['_id'].binary for x in
                          self.system.db.incoming.find()}, set())


if __name__ == '__main__':
    unittest.main()
