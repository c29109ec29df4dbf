"""The borders of common/base/limits.h that sessions and the store hold:
exactly the limit is taken, one more is refused. Those of the parsers are in
tests/unit/test_limits.c. Programs with sanitizers in them."""
import base64
import unittest

import bson

from bad_input import ANN, BadInput
from fake_mta import FakeMta
from harness import Dialog, LiveTest
from limits import LIMITS

SMTP_LINE = LIMITS['LIMIT_SMTP_LINE']
DISCARD = LIMITS['LIMIT_SMTP_LINE_DISCARD']
AUTH_LINE = LIMITS['LIMIT_SMTP_AUTH_LINE']
REPLY_LINES = LIMITS['LIMIT_SMTP_REPLY_LINES']
REPLY_LINE = LIMITS['LIMIT_SMTP_REPLY_LINE']
TRANSACTION = LIMITS['LIMIT_SMTP_TRANSACTION']
REPORT_HEADER = LIMITS['LIMIT_REPORT_HEADER']
TRANSCRIPT = LIMITS['LIMIT_TRANSCRIPT']
LINE = LIMITS['LIMIT_IMAP_LINE']
LINE_PREAUTH = LIMITS['LIMIT_IMAP_LINE_PREAUTH']
LITERALS = LIMITS['LIMIT_IMAP_LITERALS']
MESSAGES = LIMITS['LIMIT_IMAP_MESSAGES']
PARTS = LIMITS['LIMIT_IMAP_PARTS']
ID_PAIRS = LIMITS['LIMIT_IMAP_ID_PAIRS']
BATCH_MIN = LIMITS['LIMIT_IMAP_BATCH_MIN']
BATCH_SPAN = LIMITS['LIMIT_IMAP_BATCH_SPAN']
BATCHES = LIMITS['LIMIT_IMAP_BATCHES']
SEARCH_HEADER = LIMITS['LIMIT_IMAP_SEARCH_HEADER']
NAME = LIMITS['LIMIT_FOLDER_NAME']
DEPTH = LIMITS['LIMIT_FOLDER_DEPTH']
FOLDERS = LIMITS['LIMIT_FOLDERS']
KEYWORD = LIMITS['LIMIT_KEYWORD']
KEYWORDS = LIMITS['LIMIT_KEYWORDS']
ANNOTATION = LIMITS['LIMIT_ANNOTATION']
ANNOTATION_NAME = LIMITS['LIMIT_ANNOTATION_NAME']
ANNOTATIONS = LIMITS['LIMIT_ANNOTATIONS']
ACL = LIMITS['LIMIT_ACL']
TAIL = LIMITS['LIMIT_TAIL']
PAGE = LIMITS['LIMIT_PAGE']
CHUNK = LIMITS['LIMIT_BLOB_CHUNK']
BODY = LIMITS['LIMIT_QUEUE_BODY']
INDEXED = LIMITS['LIMIT_INDEXED']
PREAUTH_BADS = LIMITS['LIMIT_IMAP_BAD_PREAUTH']
BADS = LIMITS['LIMIT_IMAP_BAD']
FIRST_BADS = LIMITS['LIMIT_IMAP_BAD_FIRST']


class Imap(BadInput):
    """One session each; it goes on, or ends in order."""

    def test_a_line(self):
        for user, limit in ((ANN, LINE), (None, LINE_PREAUTH)):
            for n in (limit - 1, limit, limit + 1):
                d = self.connect(user=user)
                d.send(b'a X '.ljust(n - 2, b'y') + b'\r\n')
                text = d.until('a')
                self.assertEqual(n > limit, b'too long' in text, (n, text))
                if n <= limit:
                    self.is_sane(d)
                else:
                    self.assertIn(b'* BYE', self.rest(d))

    def test_octets_of_literals(self):
        """They count with the lines."""
        for user, limit in ((ANN, LINE), (None, LINE_PREAUTH)):
            start = b'a X {%d+}' % limit
            for more in (-1, 0, 1):
                n = limit - len(start) + more
                head = b'a X {%d+}' % n
                self.assertEqual(len(head), len(start))
                d = self.connect(user=user)
                d.send(head + b'\r\n' + b'y' * n + b'\r\n')
                text = d.until('a')
                self.assertEqual(more > 0, b'too big' in text, (more, text))
                self.is_sane(d)

    def test_number_of_literals(self):
        d = self.connect()
        for n in (LITERALS - 1, LITERALS, LITERALS + 1):
            text = self.tell(d, b'X' + b' {1+}\r\ny' * n)
            self.assertEqual(n > LITERALS, b'Too many literals' in text, text)
            self.is_sane(d)

    def bads(self, d, limit):
        for _ in range(limit - 1):
            self.assertRegex(self.tell(d, 'WHAT'), b'a BAD')
        text = self.tell(d, 'WHAT') + self.rest(d)
        self.assertRegex(text, rb'a BAD .*\r\n\* BYE ')

    def test_bad_commands(self):
        self.bads(self.connect(user=None), PREAUTH_BADS)
        self.bads(self.connect(), BADS)
        self.bads(self.connect(user=None, speaks=False), FIRST_BADS)

    def test_pairs_of_id(self):
        d = self.connect()
        for n in (ID_PAIRS - 1, ID_PAIRS, ID_PAIRS + 1):
            pairs = ' '.join(f'"k{i}" "v"' for i in range(n))
            self.answer(d, f'ID ({pairs})', b'BAD' if n > ID_PAIRS else b'OK')

    def test_messages_of_an_append(self):
        d = self.select()
        for n in (MESSAGES, MESSAGES + 1):
            text = self.tell(d, f'APPEND {self.box}'.encode() +
                             b' {2+}\r\nx\n' * n)
            self.assertRegex(text, b'a NO' if n > MESSAGES else b'a OK', n)
            self.is_sane(d)
        self.assertIn(b'MESSAGES %d' % MESSAGES,
                      self.ok(d, f'STATUS {self.box} (MESSAGES)'))

    def test_parts_of_a_message(self):
        d = self.select()
        for n in (PARTS, PARTS + 1):
            text = self.tell(d, f'APPEND {self.box} CATENATE ('.encode() +
                             b' '.join([b'TEXT {1+}\r\ny'] * n) + b')')
            self.assertRegex(text, b'a NO' if n > PARTS else b'a OK', n)
            self.is_sane(d)

    def test_batches(self):
        d = self.select(messages=1)
        self.answer(d, f'UIDBATCHES {BATCH_MIN - 1}', rb'NO \[TOOFEW\]')
        self.ok(d, f'UIDBATCHES {BATCH_MIN}')
        most = BATCH_SPAN // BATCH_MIN
        self.ok(d, f'UIDBATCHES {BATCH_MIN} 1:{most}')
        self.answer(d, f'UIDBATCHES {BATCH_MIN} 1:{most + 1}',
                    rb'NO \[TOOMANY\]')
        for _ in range(BATCHES - 2):
            self.ok(d, f'UIDBATCHES {BATCH_MIN}')
        self.answer(d, f'UIDBATCHES {BATCH_MIN}', rb'NO \[LIMIT\]')

    def test_header_of_a_search(self):
        d = self.select()
        for n, found in ((SEARCH_HEADER, b' 1'), (SEARCH_HEADER + 1, b'')):
            end = b'\r\nX-B: needle'
            head = b'X-A: '.ljust(n - len(end), b'z') + end
            self.assertEqual(len(head), n)
            self.append(d, head + b'\r\n\r\nx\r\n')
            self.assertIn(b'* SEARCH' + found + b'\r\n',
                          self.ok(d, 'SEARCH HEADER X-B needle'), n)
            self.ok(d, 'STORE 1 +FLAGS (\\Deleted)')
            self.ok(d, 'EXPUNGE')


class Store(BadInput):
    def test_names(self):
        d = self.connect()
        for name, want in (('n' * NAME, b'OK'), ('m' * (NAME + 1), b'NO'),
                           ('/'.join('d' * DEPTH), b'OK'),
                           ('/'.join('e' * (DEPTH + 1)), b'NO')):
            self.answer(d, f'CREATE {name}', want)

    def test_number_of_folders(self):
        d = self.select()
        folders = self.system.db.folders
        one = folders.find_one({'name': self.box})
        there = folders.count_documents({'owner': one['owner']})
        folders.insert_many(
            dict(one, _id=bson.ObjectId(), name=f'many{i}')
            for i in range(FOLDERS - there - 1))
        self.addCleanup(folders.delete_many, {'name': {'$regex': '^many'}})
        self.ok(d, 'CREATE many-last')
        self.answer(d, 'CREATE many-more', rb'NO \[LIMIT\]')

    def test_keywords(self):
        d = self.select(messages=1)
        self.ok(d, f'STORE 1 FLAGS ({"k" * KEYWORD})')
        self.answer(d, f'STORE 1 FLAGS ({"k" * (KEYWORD + 1)})',
                    rb'NO \[LIMIT\]')
        for n in (KEYWORDS, KEYWORDS + 1):
            self.ok(d, 'STORE 1 FLAGS ()')
            words = ' '.join(f'w{i}' for i in range(n))
            self.answer(d, f'STORE 1 FLAGS ({words})',
                        rb'NO \[LIMIT\]' if n > KEYWORDS else b'OK')

    def test_annotations(self):
        d = self.select()
        for n in (ANNOTATION, ANNOTATION + 1):
            text = self.tell(d, f'SETMETADATA {self.box} (/private/v '
                             f'{{{n}+}}\r\n'.encode() + b'v' * n + b')')
            self.assertRegex(text, rb'^a NO \[METADATA MAXSIZE'
                             if n > ANNOTATION else b'^a OK', n)
        name = '/private/'.ljust(ANNOTATION_NAME, 'n')
        self.ok(d, f'SETMETADATA {self.box} ({name} "1")')
        self.answer(d, f'SETMETADATA {self.box} ({name}n "1")',
                    rb'NO \[LIMIT\]')
        self.ok(d, f'SETMETADATA {self.box} (/private/v NIL {name} NIL)')
        for n in (ANNOTATIONS, ANNOTATIONS + 1):
            pairs = ' '.join(f'/private/e{i} "x"' for i in range(n))
            self.answer(d, f'SETMETADATA {self.box} ({pairs})',
                        rb'NO \[METADATA TOOMANY\]'
                        if n > ANNOTATIONS else b'OK')

    def test_one_command_changes_no_more_entries_than_there_can_be(self):
        """Each of them is a write while the folder is held."""
        d = self.select()
        for n in (ANNOTATIONS, ANNOTATIONS + 1):
            pairs = ' '.join(['/private/e NIL'] * n)
            self.answer(d, f'SETMETADATA {self.box} ({pairs})',
                        rb'NO \[METADATA TOOMANY\]'
                        if n > ANNOTATIONS else b'OK')

    def test_entries_of_a_list(self):
        d = self.select()
        db = self.system.db
        self.system.m3mta('mailbox', 'add', 'bob@example.org',
                          '--no-password')
        one = db.mailboxes.find_one({'_id': 'bob@example.org'})
        db.mailboxes.insert_many(
            {**one, '_id': f'g{i}@example.org'} for i in range(ACL + 1))
        self.addCleanup(db.mailboxes.delete_many, {'_id': {'$regex': '^g'}})
        for i in range(ACL):
            self.ok(d, f'SETACL {self.box} g{i}@example.org l')
        self.answer(d, f'SETACL {self.box} g{ACL}@example.org l',
                    rb'NO \[LIMIT\]')
        self.ok(d, f'DELETE {self.box}')

    def test_tail_and_pages(self):
        """65 entries are a page; a page that is full is followed by
        another."""
        d = self.select(messages=TAIL)
        db = self.system.db
        folder = db.folders.find_one({'name': self.box})
        where = {'folder': folder['_id']}
        self.assertEqual(len(folder['tail']), TAIL)
        self.assertEqual(db.pages.count_documents(where), 0)
        n = TAIL
        for more in (1, PAGE - TAIL - 1, 1, TAIL, 1):
            self.append(d, b'x\r\n', more)
            n += more
            pages = [p['n'] for p in db.pages.find(where)]
            tail = db.folders.find_one(
                {'_id': folder['_id']})['tail']
            self.assertEqual(sum(pages) + len(tail), n)
            self.assertLessEqual(max(pages), PAGE)
            self.assertLessEqual(len(tail), TAIL)
            self.assertIn(b'* %d EXISTS' % n, self.ok(d, f'SELECT {self.box}'))
        self.assertGreater(n, PAGE)
        self.ok(d, 'UID FETCH 1:* FLAGS')
        self.system.verify()

    def test_chunks_of_a_blob(self):
        d = self.select()
        for n, chunks in ((CHUNK, 1), (CHUNK + 1, 2)):
            before = self.system.db.blobs.count_documents({})
            self.append(d, b'A: b\r\n\r\n'.ljust(n - 2, b'x') + b'\r\n')
            self.assertEqual(self.system.db.blobs.count_documents({}),
                             before + chunks, n)


class Smtp(BadInput):
    def start(self):
        options = ('-o', 'imap.search.index=true')
        if options not in self.ports:
            self.ports[options] = self.system.serve(
                'm3mta-smtp', 'smtp', form=self.form, options=options)
        d = Dialog(self.system, None, port=self.ports[options])
        self.addCleanup(d.close)
        self.assertEqual(d.reply()[-1][:3], '220')
        self.assertEqual(d.smtp('EHLO x.example')[:3], '250')
        return d

    def test_a_line(self):
        d = self.start()
        for n in (SMTP_LINE - 1, SMTP_LINE, SMTP_LINE + 1):
            d.send(b'NOOP '.ljust(n - 2, b'x') + b'\r\n')
            self.assertEqual(d.reply()[-1][:3],
                             '500' if n > SMTP_LINE else '250', n)
        self.assertEqual(d.smtp('NOOP')[:3], '250')

    def test_a_line_that_is_read_no_further(self):
        for n in (DISCARD - 1, DISCARD, DISCARD + 1):
            d = self.start()
            d.send(b'NOOP '.ljust(n - 2, b'x') + b'\r\n')
            self.assertEqual(d.reply()[-1][:3], '500')
            if n <= DISCARD:
                self.assertEqual(d.smtp('NOOP')[:3], '250', n)
            else:
                self.assertTrue(d.is_closed(), n)

    def test_a_line_of_auth(self):
        word = base64.b64encode(b'\0a\0' + b'x' * 9000).decode()
        for n, want in ((AUTH_LINE, '5'), (AUTH_LINE + 1, '500 5.5.6')):
            d = self.start()
            self.assertEqual(d.smtp('AUTH PLAIN')[:3], '334')
            answer = d.smtp(word[:n - 2].ljust(n - 2, 'A'))
            self.assertRegex(answer, '^' + want)
            self.assertEqual(n > AUTH_LINE, answer[:3] == '500', answer)

    def test_recipients_of_a_transaction(self):
        """Of what is kept, an address is a few times: 452, and those before
        it get the message."""
        d = self.start()
        self.assertEqual(d.smtp('MAIL FROM:<a@b.example>')[:3], '250')
        for n in range(1000):
            local = f'ann+{n}'.ljust(240, 'x')
            answer = d.smtp(f'RCPT TO:<{local}@example.org> ORCPT=rfc822;' +
                            'y' * 480)
            if answer[:3] != '250':
                break
        self.assertEqual(answer[:9], '452 4.5.3')
        self.assertGreater(n * 6 * 250, TRANSACTION / 2)
        self.assertLess(n * (240 + 480), TRANSACTION)

    def test_what_stays_in_the_queues_document(self):
        """And what is over it is a blob; the same for the index."""
        queue, d = self.system.db.queue, self.start()

        def post(n):
            self.assertEqual(d.smtp('MAIL FROM:<a@b.example>')[:3], '250')
            self.assertEqual(d.smtp(f'RCPT TO:<{ANN}>')[:3], '250')
            self.assertEqual(d.smtp('DATA')[:3], '354')
            line = b'x' * 998 + b'\r\n'
            text = b'A: b\r\n\r\n' + line * ((n - 100) // 1000)
            text += b'y' * (n - len(text) - 2) + b'\r\n'
            self.assertEqual(len(text), n)
            d.send(text + b'.\r\n')
            self.assertEqual(d.reply()[-1][:3], '250')
            item = queue.find_one(sort=[('_id', -1)])
            queue.delete_one({'_id': item['_id']})
            return item
        ours = post(5000)['size'] - 5000
        for n in (BODY, BODY + 1):
            item = post(n - ours)
            self.assertEqual(item['size'], n)
            self.assertEqual('body' in item, n <= BODY, n)
        facts = {n: len(post(n - ours)['facts'])
                 for n in (INDEXED, INDEXED + 1)}
        self.assertGreater(facts[INDEXED], facts[INDEXED + 1])


class Remote(LiveTest):
    """What a remote server says."""
    build = '-san'

    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('remote.timeout', {'reply': '5s', 'connect': '5s'})
        s.write_config()
        s.add_domain()
        s.add_mailbox(ANN)
        s.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                '--route=127.0.0.1:1')

    def deliver(self, script, sender='a@b.example', header=b''):
        """Through a server of that script; what it took, and the queue."""
        s, fake = self.system, FakeMta(script)
        self.addCleanup(fake.close)
        s.m3mta('domain', 'set', 'far.example',
                f'--route=127.0.0.1:{fake.port}')
        s.db.limits.delete_many({})
        s.db.queue.delete_many({})
        d = self.dialog('m3mta-smtp', '-o', 'smtp.relay.networks=127.0.0.1')
        d.reply()
        for command in ('EHLO me.example', f'MAIL FROM:<{sender}>',
                        'RCPT TO:<bob@far.example>', 'DATA'):
            self.assertRegex(d.smtp(command), '^[23]', command)
        d.send(header + b'Subject: x\r\n\r\nx\r\n.\r\n')
        self.assertRegex(d.reply()[-1], '^250')
        d.close()
        s.mda()
        return len(fake.messages), list(s.db.queue.find())

    def test_lines_of_a_reply(self):
        for n in (REPLY_LINES - 1, REPLY_LINES, REPLY_LINES + 1):
            sent, queue = self.deliver(
                {'MAIL': '250-x\r\n' * (n - 1) + '250 ok'})
            self.assertEqual((sent, len(queue)),
                             (0, 1) if n > REPLY_LINES else (1, 0), n)

    def test_a_line_of_a_reply_is_cut(self):
        for n in (REPLY_LINE, REPLY_LINE + 1):
            reply = '250 '.ljust(n - 2, 'x')
            self.assertEqual(self.deliver({'MAIL': reply}), (1, []), n)

    def test_header_in_a_report(self):
        """Whole lines of it."""
        s = self.system
        line = b'X-A: '.ljust(78, b'z') + b'\r\n'
        self.deliver({'RCPT': '550 5.1.1 no'}, ANN,
                     line * (REPORT_HEADER // 80 + 9))
        s.mda()
        port = s.serve('m3mta-imap', 'imap', options=('--preauth', ANN))
        d = Dialog(s, None, port=port)
        self.addCleanup(d.close)
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY.PEEK[]')
        cut = text[text.index(b'rfc822-headers'):]
        cut = cut[cut.index(b'\r\n\r\n') + 4:].split(b'\r\n--')[0]
        cut = cut.rstrip(b'\r\n') + b'\r\n'
        self.assertTrue(cut.endswith(line))
        self.assertLessEqual(len(cut), REPORT_HEADER)
        self.assertGreater(len(cut), REPORT_HEADER - 2 * len(line))

    def test_transcript(self):
        """Whole lines, and as many as there is room for."""
        reply = '450-' + 'y' * 1000 + '\r\n'
        _, [item] = self.deliver({'MAIL': reply * 8 + '450 later'})
        text = item['recipients'][0]['transcript']
        self.assertLessEqual(len(text), TRANSCRIPT)
        self.assertGreater(len(text), TRANSCRIPT - 1100)
        self.assertIn('later', text)


if __name__ == '__main__':
    unittest.main()
