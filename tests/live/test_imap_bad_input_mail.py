"""Bad input over IMAP, lines 37 to 70 of the cases: mailboxes, messages,
clients that stall, other protocols, a database that goes away. As
test_imap_bad_input.py, with sanitizers and in both process forms.

line  test                     line  test
37    test_list_patterns       54    test_parallel_logins
38    test_inbox               55    test_unknown_user (time: ..._limits)
39    test_too_many_mailboxes  56    test_id
40    test_subscribe           57    test_charset
41    test_append_dates        58    test_search_literal
42    test_append_flags        59    test_search_dates
43    test_bare_line_ends      60    test_regex_is_text
44    test_append_cut          61    test_monsters
45    test_store_nothing       62    test_odd_headers
46    test_store_recent        63    test_encoded_words
47    test_examine             64    test_not_offered
48    test_copy_to_missing     65    test_logout
49    test_copy_over_quota     66    test_parameters
50    test_foreign_expunge     67    test_uid
51    test_idle                68    test_other_protocols
52    test_client_never_reads  69    test_ten_bad
53    test_slow_command        70    NoDatabase.test_each_state
"""
import contextlib
import re
import socket
import struct
import threading
import time
import unittest

import bson

import harness
import mongo
from bad_input import ANN, MESSAGE, BadInput, line
from harness import wait_for


def parse(text):
    """The answers as nested lists; ValueError when they are not well
    formed."""
    stack, at = [[]], 0
    token = re.compile(rb'''(?P<space>[ ])|(?P<end>\r\n)|(?P<open>\()
        |(?P<close>\))|"(?P<quoted>(?:[^"\\\r\n\0]|\\["\\])*)"
        |~?\{(?P<literal>\d+)\}\r\n
        |(?P<atom>(?:[^\s()"{\[\0]|\[[^\]\r\n]*\])+)''', re.X)
    while at < len(text):
        m = token.match(text, at)
        if not m:
            raise ValueError(text[max(at - 40, 0):at + 40])
        at = m.end()
        if m['open']:
            stack.append([])
        elif m['close']:
            if len(stack) == 1:
                raise ValueError('too many )')
            last = stack.pop()
            stack[-1].append(last)
        elif m['end'] and len(stack) != 1:
            raise ValueError('( without )')
        elif m['literal']:
            stack[-1].append(text[at:at + int(m['literal'])])
            at += int(m['literal'])
        elif m['quoted'] is not None:
            stack[-1].append(re.sub(rb'\\(.)', rb'\1', m['quoted']))
        elif m['atom']:
            stack[-1].append(m['atom'])
    return stack[0]


class Lines(BadInput):
    # --- mailboxes ----------------------------------------------------------

    def crowd(self):
        """A user with as many mailboxes as there may be."""
        s = self.system
        name = f'many-{self.form}@example.org'
        if not s.db.mailboxes.find_one({'_id': name}):
            s.m3mta('mailbox', 'add', name, '--no-password')
            folder = s.db.folders.find_one({'mailbox': name})
            n = 10000 - s.db.folders.count_documents({'mailbox': name})
            s.db.folders.insert_many([
                dict(folder, _id=bson.ObjectId(), name=f'box {i}',
                     special=0) for i in range(n)])
        return name

    @line(37, 'LIST with 1,000 wildcards over 10,000 mailboxes')
    def test_list_patterns(self):
        d = self.connect(user=self.crowd())
        for pattern in ('*%' * 500, '%*' * 500, '*a' * 500, '%' * 1000,
                        'b*x*' * 200, '*' * 1000 + 'x', '*%*%*x*9*9'):
            text = self.ok(d, f'LIST "" "{pattern}"')
            if pattern.endswith(('a', 'b*x*', '*x')):
                self.assertNotIn(b'"box', text)
        self.assertEqual(self.ok(d, 'LIST "" "*%*%"').count(b'* LIST'),
                         10000)
        self.is_sane(d)

    @line(38, 'INBOX cannot be made, deleted; a mailbox not below itself')
    def test_inbox(self):
        d = self.connect()
        for name in ('INBOX', 'inbox', '"InBoX"'):
            self.no(d, f'CREATE {name}')
            self.no(d, f'DELETE {name}')
        self.ok(d, f'CREATE InBoX/{self.form}')
        self.assertIn(f'INBOX/{self.form}', self.boxes())
        self.ok(d, f'CREATE {self.box}')
        self.no(d, f'RENAME {self.box} {self.box}/b')
        self.no(d, f'RENAME {self.box} inbox')
        self.no(d, f'RENAME {self.box} {self.box}')
        # RFC 3501 6.3.5: its messages move, INBOX stays.
        self.ok(d, f'RENAME INBOX {self.box}2')
        self.assertIn('INBOX', self.boxes())
        self.ok(d, 'SELECT INBOX')

    @line(39, 'the number of mailboxes has a limit')
    def test_too_many_mailboxes(self):
        d = self.connect(user=self.crowd())
        self.answer(d, 'CREATE one/more', rb'NO \[LIMIT\]')
        self.answer(d, 'RENAME "box 1" two/more', rb'NO \[LIMIT\]')
        self.assertEqual(self.system.db.folders.count_documents(
            {'mailbox': self.crowd()}), 10000)
        self.is_sane(d)

    @line(40, 'SUBSCRIBE of what there is not')
    def test_subscribe(self):
        d = self.connect()
        self.answer(d, 'SUBSCRIBE nowhere', rb'(OK|NO)')
        self.assertNotIn('nowhere', self.boxes())
        self.answer(d, 'UNSUBSCRIBE nowhere', rb'(OK|NO)')
        self.assertNotIn(b'nowhere', self.ok(d, 'LSUB "" *'))
        self.no(d, 'SUBSCRIBE a//b')
        self.is_sane(d)

    # --- APPEND -------------------------------------------------------------

    @line(41, 'APPEND with bad dates')
    def test_append_dates(self):
        d = self.select()
        n = len(MESSAGE)
        for date in ('32-Foo-99999 10:00:00 +0000', '', 'x', ' ',
                     '30-Feb-2020 10:00:00 +0000',
                     '01-Jan-2020 24:00:00 +0000',
                     '01-Jan-2020 10:61:00 +0000',
                     '01-Jan-2020 10:00:00 +9999',
                     '01-Jan-2020 10:00:00', '1-1-2020 10:00:00 +0000',
                     '01-Jan-20200 10:00:00 +0000', '0' * 5000):
            self.bad(d, f'APPEND {self.box} "{date}" {{{n}+}}\r\n'.encode() +
                     MESSAGE)
        self.bad(d, f'APPEND {self.box} "x" "y" {{{n}+}}\r\n'.encode() +
                 MESSAGE)
        self.assertIn(b'MESSAGES 0', self.ok(
            d, f'STATUS {self.box} (MESSAGES)'))
        self.ok(d, f'APPEND {self.box} " 1-Jan-2020 10:00:00 +0100" '
                f'{{{n}+}}\r\n'.encode() + MESSAGE)

    @line(42, 'APPEND and STORE with bad flags, and too many')
    def test_append_flags(self):
        d = self.select(messages=1)
        many = ' '.join(f'k{i}' for i in range(9000))
        for flags, want in ((r'\Foo', 'BAD'), ('a(b', 'BAD'), ('"x"', 'BAD'),
                            ('a%', 'BAD'), ('\\', 'BAD'), ('(a)', 'BAD'),
                            ('x' * 65, r'NO \[LIMIT'),
                            ('x' * 1024, r'NO \[LIMIT'),
                            (many, r'NO \[LIMIT')):
            self.answer(d, f'APPEND {self.box} ({flags}) {{{len(MESSAGE)}+}}'
                        '\r\n'.encode() + MESSAGE, want.encode())
            self.answer(d, f'STORE 1 +FLAGS ({flags})', want.encode())
        # Over the limit of the folder by steps.
        for i in range(3):
            words = ' '.join(f'w{i}-{k}' for k in range(25))
            self.answer(d, f'STORE 1 +FLAGS ({words})',
                        b'OK' if i < 2 else rb'NO \[LIMIT')
        self.answer(d, f'APPEND {self.box} (\\Recent) {{{len(MESSAGE)}+}}'
                    '\r\n'.encode() + MESSAGE, b'BAD')
        self.assertIn(b'MESSAGES 1', self.ok(
            d, f'STATUS {self.box} (MESSAGES)'))

    @line(43, 'bare LF and CR in APPEND')
    def test_bare_line_ends(self):
        d = self.select()
        self.append(d, b'A: b\nC: d\r\n\nx\ry\n\n\rz\r')
        text = self.ok(d, 'FETCH 1 BODY[]')
        # A bare CR is an octet like others.
        self.assertIn(b'{24}\r\nA: b\r\nC: d\r\n\r\nx\ry\r\n\r\n\rz\r)', text)

    @line(44, 'APPEND cut at each octet')
    def test_append_cut(self):
        d = self.select(messages=1)
        before = self.system.db.mailboxes.find_one({'_id': ANN})
        text = (f'a APPEND {self.box} (\\Seen $x) {{30+}}\r\n'.encode() +
                b'Subject: one\r\n\r\nbody body\r\n')
        step = 7 if self.form == 'inetd' else 1
        ends = self.system.logs().count('event=disconnected')
        cuts = range(0, len(text) + 1, step)
        for i in cuts:
            e = self.connect()
            if i:
                e.send(text[:i])
            e.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack('ii', i % 2, 0))
            e.close()
        wait_for(lambda: self.system.logs().count('event=disconnected') >=
                 ends + len(cuts), 60, 'all sessions ended')
        self.assertIn(b'MESSAGES 1', self.ok(
            d, f'STATUS {self.box} (MESSAGES)'))
        after = self.system.db.mailboxes.find_one({'_id': ANN})
        self.assertEqual(before, after)
        self.system.verify()

    # --- STORE, EXPUNGE, COPY -----------------------------------------------

    @line(45, 'STORE of nothing')
    def test_store_nothing(self):
        d = self.select(messages=1)
        for word in ('FLAGS', '+FLAGS', '-FLAGS', 'FLAGS.SILENT',
                     '+FLAGS.SILENT', '-FLAGS.SILENT'):
            self.ok(d, f'STORE 1 {word} ()')
        for word in ('FLAGS', '++FLAGS', 'FLAGS.LOUD', '+FLAG', '()'):
            self.bad(d, f'STORE 1 {word}')
        self.bad(d, 'STORE 1 FLAGZ (\\Seen)')
        self.is_sane(d)

    @line(46, r'STORE \Recent')
    def test_store_recent(self):
        d = self.select(messages=1)
        self.bad(d, r'STORE 1 FLAGS (\Recent \Seen)')
        self.assertNotIn(rb'\Seen', self.ok(d, 'FETCH 1 FLAGS'))

    @line(47, 'changes in EXAMINE')
    def test_examine(self):
        d = self.select(messages=1)
        self.ok(d, r'STORE 1 +FLAGS (\Deleted)')
        self.ok(d, f'EXAMINE {self.box}')
        for command in ('EXPUNGE', 'UID EXPUNGE 1', r'STORE 1 FLAGS (\Seen)',
                        'MOVE 1 INBOX', r'UID STORE 1 -FLAGS (\Deleted)'):
            self.no(d, command)
        self.ok(d, 'CLOSE')
        self.assertIn(b'MESSAGES 1', self.ok(
            d, f'STATUS {self.box} (MESSAGES)'))

    @line(48, 'COPY and MOVE to a mailbox that is missing')
    def test_copy_to_missing(self):
        d = self.select(messages=3)
        for command in ('COPY 1:3', 'UID COPY 1:3', 'MOVE 1:3'):
            self.answer(d, f'{command} missing', rb'NO \[TRYCREATE\]')
        self.assertNotIn('missing', self.boxes())
        self.assertIn(b'SEARCH 1 2 3', self.ok(d, 'SEARCH ALL'))

    @line(49, 'COPY over the quota in its middle: all or nothing')
    def test_copy_over_quota(self):
        name = f'full-{self.form}@example.org'
        self.system.m3mta('mailbox', 'add', name, '--no-password',
                          f'--quota={len(MESSAGE) * 8}')
        d = self.select(messages=5, user=name)
        self.ok(d, 'CREATE to')
        self.answer(d, 'COPY 1:5 to', rb'NO \[OVERQUOTA\]')
        self.assertIn(b'MESSAGES 0', self.ok(d, 'STATUS to (MESSAGES)'))
        self.ok(d, 'COPY 1:2 to')
        one = f' {{{len(MESSAGE)}+}}\r\n'.encode() + MESSAGE
        self.answer(d, b'APPEND to' + one * 2, rb'NO \[OVERQUOTA\]')
        self.assertIn(b'MESSAGES 2', self.ok(d, 'STATUS to (MESSAGES)'))
        self.ok(d, 'MOVE 1:5 to')
        self.system.verify()

    @line(50, 'numbers hold while another session expunges')
    def test_foreign_expunge(self):
        one = self.select(messages=3)
        two = self.connect()
        self.ok(two, f'SELECT {self.box}')
        self.ok(one, r'STORE 1 +FLAGS (\Deleted)')
        self.ok(one, 'EXPUNGE')
        for command in ('FETCH 1:3 (UID)', r'STORE 2 +FLAGS (\Seen)',
                        'SEARCH ALL'):
            self.assertNotRegex(self.tell(two, command), rb'\d EXPUNGE')
        self.assertIn(b'FETCH (UID 3', self.ok(two, 'FETCH 3 (UID)'))
        self.assertIn(b'* 1 EXPUNGE', self.ok(two, 'NOOP'))
        self.assertIn(b'FETCH (UID 3', self.ok(two, 'FETCH 2 (UID)'))

    # --- clients that stall or vanish ---------------------------------------

    @line(51, 'IDLE: no DONE, the end of input, too long')
    def test_idle(self):
        d = self.select()
        for wrong in (b'DONEx', b'', b'NOOP', b'a2 NOOP', b'DONE DONE',
                      b'x' * 2000, b'DO\0NE'):
            self.raw(d, b'a IDLE\r\n', rb'^\+ ')
            self.raw(d, wrong + b'\r\n', b'^a BAD ')
        self.raw(d, b'a IDLE\r\n', rb'^\+ ')
        self.raw(d, b'done\r\n', b'^a OK ')
        self.raw(d, b'a IDLE\r\n', rb'^\+ ')
        self.shut(d)
        self.assertEqual(self.rest(d), b'')
        d = self.connect('-o', 'imap.timeout.idle=1s')
        self.raw(d, b'a IDLE\r\n', rb'^\+ ')
        self.assertRegex(self.rest(d), rb'^\* BYE Autologout')

    @line(52, 'a client that never reads')
    def test_client_never_reads(self):
        d = self.select('-o', 'imap.timeout.write=1s')
        big = b'Subject: big\r\n\r\n' + b'x' * 99 + b'\r\n'
        self.append(d, big + (b'y' * 98 + b'\r\n') * 40000)
        ends = self.system.logs().count('event=disconnected')
        d.send(b'a FETCH 1 BODY.PEEK[]\r\n' * 25)
        wait_for(lambda: self.system.logs().count('event=disconnected') >
                 ends, 60, 'the session ended')
        self.assertLess(len(self.rest(d)), 99 * 1000 * 1000)

    @line(53, 'a command of one octet now and then, before login')
    def test_slow_command(self):
        d = self.connect('-o', 'imap.timeout.login=2s', user=None)
        with contextlib.suppress(OSError):
            for octet in b'a LOGIN ' + b'x' * 1000:
                d.send(bytes([octet]))
                time.sleep(0.1)
        self.assertRegex(self.rest(d), rb'^(\* BYE .*\r\n)?$')

    # --- logins -------------------------------------------------------------

    @line(54, '20 logins at the same time: few are tried')
    def test_parallel_logins(self):
        answers = []
        options = ('-o', 'limit.logins.source=6/15m', '-o',
                   'limit.logins.free=3/15m', '-o', 'limit.logins.delay=1s')
        self.system.db.limits.delete_many({})
        self.addCleanup(self.system.db.limits.delete_many, {})

        def one(d, i):
            answers.append(self.tell(d, f'LOGIN {ANN} wrong{i}'))
        sessions = [self.connect(*options, user=None) for _ in range(20)]
        threads = [threading.Thread(target=one, args=(d, i))
                   for i, d in enumerate(sessions)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(answers), 20)
        tried = sum(b'[AUTHENTICATIONFAILED]' in x for x in answers)
        # Over the limit one is let through now and then.
        self.assertEqual(tried, 7)
        self.assertEqual(sum(b'NO [UNAVAILABLE]' in x for x in answers), 13)
        # And in one session.
        self.system.db.limits.delete_many({})
        d = self.connect(user=None)
        for _ in range(5):
            self.no(d, f'LOGIN {ANN} wrong')
        self.assertRegex(self.rest(d), rb'^\* BYE ')

    @line(55, 'an unknown user and a wrong password: the same answer')
    def test_unknown_user(self):
        answers = set()
        for name in (ANN, 'nobody@example.org', 'x@elsewhere.example', 'ann',
                     '""', 'a@b@c', 'x' * 1000):
            d = self.connect(user=None)
            answers.add(self.tell(d, f'LOGIN {name} wrong'))
        self.assertEqual(answers, {
            b'a NO [AUTHENTICATIONFAILED] Authentication failed\r\n'})

    @line(56, 'ID: too many, odd, nested')
    def test_id(self):
        pairs = ' '.join('"k" "v"' for _ in range(5000))
        for user in (ANN, None):
            d = self.connect(user=user)
            self.ok(d, 'ID NIL')
            self.ok(d, 'ID ()')
            self.ok(d, 'ID (' + pairs[:30 * 8 - 1] + ')')
            for text in ('(' + pairs[:31 * 8 - 1] + ')', '("a")', 'x',
                         '(("a" "b"))', '("a" ("b"))', '("a" "b" "c")'):
                self.bad(d, 'ID ' + text)
            self.is_sane(d)
        d = self.connect()
        self.bad(d, f'ID ({pairs})')
        # Nothing of it becomes a line of its own in the log.
        self.ok(d, b'ID ("name" {16+}\r\nx\r\nevent=forged\n "version" '
                b'"1.0 session=forged")')
        for entry in self.system.logs().splitlines():
            self.assertFalse(entry.startswith('event=forged'))
            self.assertNotRegex(entry, r' session=forged( |$)')

    # --- SEARCH -------------------------------------------------------------

    @line(57, 'an unknown charset, 8-bit octets without one')
    def test_charset(self):
        d = self.select(messages=1)
        for name in ('X', '"x y"', 'UTF-7-X', 'x' * 1000, 'UTF-99'):
            self.answer(d, f'SEARCH CHARSET {name} TEXT x',
                        rb'NO \[BADCHARSET')
        self.answer(d, b'SEARCH TEXT {1+}\r\n\xff', rb'(NO|BAD)')
        self.answer(d, b'SEARCH CHARSET UTF-8 TEXT {1+}\r\n\xff',
                    rb'(NO|BAD|OK)')
        self.answer(d, b'SEARCH CHARSET UTF-8 TEXT "\xff"', b'BAD')
        self.bad(d, 'SEARCH CHARSET')
        self.bad(d, 'SEARCH CHARSET UTF-8')
        self.is_sane(d)

    @line(58, 'SEARCH with a literal of 1 MiB')
    def test_search_literal(self):
        d = self.select(messages=1)
        self.raw(d, b'a SEARCH BODY {1048576}\r\n', b'^a BAD ')
        self.bad(d, b'SEARCH BODY {100000+}\r\n' + b'x' * 100000)
        self.ok(d, b'SEARCH BODY {60000+}\r\n' + b'x' * 60000)
        self.is_sane(d)

    @line(59, 'SEARCH with dates that are none')
    def test_search_dates(self):
        d = self.select(messages=1)
        for date in ('30-Feb-2020', '1-Jan-0000', '0-Jan-2020', '32-Jan-2020',
                     '1-Foo-2020', '1-Jan-20', '2020-01-01', '""',
                     '1-Jan-99999', '31-Apr-2020', '29-Feb-2021', '-1-Jan-1'):
            for key in ('SINCE', 'SENTBEFORE'):
                self.bad(d, f'SEARCH {key} {date}')
        for key in ('LARGER', 'SMALLER', 'OLDER', 'YOUNGER', 'MODSEQ'):
            self.bad(d, f'SEARCH {key} 99999999999999999999')
            self.bad(d, f'SEARCH {key} -1')
        self.is_sane(d)

    @line(60, 'regular expressions are text')
    def test_regex_is_text(self):
        d = self.select()
        self.append(d, b'Subject: ((a+)+$ and .*\r\n\r\nbody (x+x+)+y\r\n')
        self.append(d, b'Subject: ' + b'a' * 5000 + b'!\r\n\r\n' +
                    b'x' * 30000 + b'\r\n')
        self.bad(d, 'SEARCH KEYWORD ((a+)+$')
        for key, want in (('SUBJECT "((a+)+$"', b' 1'),
                          ('SUBJECT ".*"', b' 1'), ('SUBJECT "^"', b''),
                          ('SUBJECT "(a+)+!"', b''), ('SUBJECT "a!"', b' 2'),
                          ('BODY "(x+x+)+y"', b' 1'), ('TEXT "."', b' 1'),
                          ('KEYWORD a+', b''), ('HEADER Subject ".*"', b' 1'),
                          ('TEXT "$where"', b''), ('FROM "{$gt:1}"', b'')):
            self.assertIn(b'* SEARCH' + want + b'\r\n',
                          self.ok(d, 'SEARCH ' + key))

    # --- messages that are monsters -----------------------------------------

    def check(self, d, number, section=''):
        """All that is computed of a message can be parsed by a client."""
        text = self.ok(d, f'FETCH {number} (ENVELOPE BODY BODYSTRUCTURE UID '
                       'FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK'
                       '[HEADER.FIELDS (SUBJECT FROM)] PREVIEW)')
        answer = parse(text)
        fetched = next(x for x in answer if isinstance(x, list))
        names = fetched[::2]
        self.assertIn(b'ENVELOPE', names)
        envelope = fetched[fetched.index(b'ENVELOPE') + 1]
        self.assertEqual(len(envelope), 10)
        self.assertIsInstance(fetched[fetched.index(b'BODYSTRUCTURE') + 1],
                              list)
        return envelope

    @line(61, '10^5 To fields and parameters, depth 10^4, bad boundaries')
    def test_monsters(self):
        d = self.select()
        nested = b'From: a@b.example\r\n'
        for i in range(10000):
            nested += (b'Content-Type: multipart/mixed; boundary=b%d\r\n\r\n'
                       b'--b%d\r\n' % (i, i))
        types = b'Content-Type: multipart/mixed; boundary='
        monsters = [
            b'To: a@b.example\r\n' * 100000 + b'\r\nx\r\n',
            b'To: ' + b'a@b.example,\r\n ' * 100000 + b'z@b\r\n\r\nx\r\n',
            b'Content-Type: text/plain' + b';\r\n a=b' * 100000 +
            b'\r\n\r\nx\r\n',
            b'Content-Type: text/plain' + b''.join(
                b';\r\n a*%d*=b' % i for i in range(100000)) +
            b'\r\n\r\nx\r\n',
            nested + b'\r\nx\r\n',
            types + b'x\r\n\r\n' + b'--x\r\n\r\n' * 100000,
            types + b'"' + b'b' * 1024 + b'"\r\n\r\n--' + b'b' * 1024 +
            b'\r\n\r\nx\r\n',
            types + b'\r\n\r\n--\r\n\r\nx\r\n',
            types + b'"x\r\n\r\n--x\r\n\r\n--x--\r\n--x\r\n\r\n',
            types + b'-\r\n\r\n---\r\n' + b'-' * 100000 + b'\r\n',
            b'Content-Type: message/rfc822\r\n\r\n' * 3000 + b'x\r\n',
            b'From: ' + b'(' * 60000 + b'\r\n\r\nx\r\n',
            b'From: ' + b'<' * 60000 + b'\r\n\r\nx\r\n',
            b'From: ' + b'a:' * 30000 + b';' * 30000 + b'\r\n\r\nx\r\n',
            b'\r\n', b':\r\n\r\n', b' x\r\n\r\n', b'x', b'\r\n' * 50000,
        ]
        for i, monster in enumerate(monsters):
            self.append(d, monster)
            self.ok(d, 'NOOP')
            self.check(d, i + 1)
        self.ok(d, 'SEARCH TEXT zzz')
        self.ok(d, 'SEARCH OR TO zzz HEADER Content-Type zzz')
        parse(self.ok(d, 'SORT (SUBJECT FROM TO CC DATE) UTF-8 ALL'))
        parse(self.ok(d, 'THREAD REFERENCES UTF-8 ALL'))
        parse(self.ok(d, 'FETCH 1:* (BODY.PEEK[1.1.MIME] BODY.PEEK[1])'))

    @line(62, 'stored header with 8-bit octets, CR, quotes, a long subject')
    def test_odd_headers(self):
        d = self.select()
        self.no(d, f'APPEND {self.box} {{14+}}\r\n'.encode() +
                b'Subject: a\0b\r\n')
        subjects = (b'a "b" \\c\\', b'\xff\xfe\x80', b'x' * (1 << 20),
                    b'"', b'\\', b'}{ {5}', b'a\x01b\x7f', b'{3}',
                    b'a\rb', b'(' * 500, b'\xc3\xa4', b'%s%n', b'')
        for i, subject in enumerate(subjects):
            self.append(d, b'Subject: ' + subject + b'\r\nFrom: "' +
                        subject[:999] + b'" <a@b.example>\r\nMessage-ID: <' +
                        subject[:999] + b'>\r\n\r\nx\r\n')
            self.ok(d, 'NOOP')
            envelope = self.check(d, i + 1)
            if len(subject) < 100 and b'\r' not in subject:
                self.assertEqual(envelope[1].strip(), subject.strip())
            self.assertEqual(len(parse(self.ok(
                d, f'FETCH {i + 1} BODY.PEEK[HEADER]'))), 7)

    @line(63, 'encoded words that grow or never end are kept as they are')
    def test_encoded_words(self):
        d = self.select()
        words = (b'=?utf-8?q?' + b'=41' * 5000 + b'?=', b'=?utf-8?b?',
                 b'=?utf-8?b?' + b'QUFB' * 10000 + b'?=',
                 b'=?x?q?a?=' * 5000, b'=?' * 20000, b'=?utf-8?q?' * 5000,
                 b'=?iso-2022-jp?b?GyRC?=', b'=?utf-7?q?+2AA-?=',
                 b'=?utf-8?b?/////w=?=', b'=?utf-8?q?=?=', b'=?us-ascii*en?'
                 b'q?x?=')
        for i, word in enumerate(words):
            self.append(d, b'Subject: ' + word + b'\r\n\r\nx\r\n')
            self.ok(d, 'NOOP')
            self.assertEqual(self.check(d, i + 1)[1], word)
        self.ok(d, 'SEARCH SUBJECT AAAA')
        parse(self.ok(d, 'SORT (SUBJECT) UTF-8 ALL'))

    # --- the rest -----------------------------------------------------------

    @line(64, 'what is not offered')
    def test_not_offered(self):
        d = self.connect()
        offered = self.ok(d, 'CAPABILITY')
        for command in ('UNAUTHENTICATE', 'SETACL x y z',
                        'GENURLAUTH x', 'XLIST "" *', 'CONVERT x', 'X'):
            self.assertNotIn(b' ' + command.split()[0].encode(), offered)
            self.bad(d, command)
        self.bad(d, 'ENABLE')
        self.assertIn(b'* ENABLED\r\n', self.ok(d, 'ENABLE FOO'))
        for text in ('COMPRESS', 'COMPRESS LZW', 'COMPRESS ()'):
            self.bad(d, text)
        d = self.connect(user=None)
        self.assertNotIn(b'COMPRESS', self.ok(d, 'CAPABILITY'))
        self.bad(d, 'COMPRESS DEFLATE')
        self.bad(d, 'ENABLE CONDSTORE')
        self.is_sane(d)

    @line(65, 'what follows LOGOUT')
    def test_logout(self):
        for user in (ANN, None):
            d = self.connect(user=user)
            d.send(f'a LOGOUT\r\nb CREATE {self.box}\r\nc LOGIN x y\r\n')
            self.assertRegex(self.rest(d),
                             rb'^\* BYE .*\r\na OK .*\r\n$')
        self.assertNotIn(self.box, self.boxes())

    @line(66, 'parameters that are unknown or were not enabled')
    def test_parameters(self):
        d = self.select(messages=1)
        for command in ('SELECT INBOX (UIDVALIDITY 1)', 'SELECT INBOX (FOO)',
                        'SELECT INBOX (QRESYNC (1 1))', 'SELECT INBOX x',
                        'STATUS INBOX (FOO)', 'STATUS INBOX x',
                        'FETCH 1 FLAGS (FOO)', 'LIST "" * RETURN (FOO)',
                        'FETCH 1 FLAGS (CHANGEDSINCE x)', 'FETCH 1 FLAGS ()',
                        'STORE 1 (FOO 1) FLAGS ()', 'CREATE x (FOO)',
                        'STORE 1 (UNCHANGEDSINCE -1) FLAGS ()',
                        'UID FETCH 1 FLAGS (VANISHED)'):
            self.bad(d, command)
            if command.startswith('SELECT'):
                d = self.select()
        self.is_sane(d)

    @line(67, 'UID alone and before other commands')
    def test_uid(self):
        d = self.select(messages=1)
        for command in ('UID', 'UID ', 'UID FETCH', 'UID LOGIN x y',
                        'UID UID FETCH 1 FLAGS', 'UID NOOP', 'UID FETCH 1',
                        'UID FETCH FLAGS 1', 'UID LIST "" *', 'UID 1'):
            self.bad(d, command)
        self.is_sane(d)

    @line(68, 'TLS, HTTP, SMTP on the port of IMAP')
    def test_other_protocols(self):
        hello = (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' +
                 bytes(range(32)).replace(b'\n', b'x') + b'y' * 300)
        for talk in (hello, hello + b'\r\n',
                     b'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n'
                     b'a CREATE evil\r\nb LIST "" *\r\n',
                     b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n'
                     b'\r\na LOGIN ann@example.org secret\r\n',
                     b'EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n'
                     b'a LOGIN ann@example.org secret\r\n'):
            d = self.connect(user=None, speaks=False)
            with contextlib.suppress(OSError):
                d.send(talk)
            text = self.rest(d)
            self.assertRegex(text, rb'^(.* BAD .*\r\n){1,3}\* BYE .*\r\n$')
        # One who speaks IMAP has ten.
        d = self.connect(user=None)
        d.send(b'GET / HTTP/1.1\r\n' * 9)
        self.assertRegex(self.tell(d, 'NOOP'), rb'^(GET BAD .*\r\n){9}a OK')

    @line(69, 'ten bad commands before login')
    def test_ten_bad(self):
        d = self.connect(user=None)
        for _ in range(9):
            self.bad(d, 'FROB')
        d.send(b'a FROB\r\nb NOOP\r\n')
        self.assertRegex(self.rest(d), rb'^a BAD .*\r\n\* BYE .*\r\n$')
        d = self.connect()
        for _ in range(49):
            self.bad(d, 'FROB')
        d.send(b'a FROB\r\nb NOOP\r\n')
        self.assertRegex(self.rest(d), rb'^a BAD .*\r\n\* BYE .*\r\n$')


class LinesOfTheListener(Lines):
    form = 'fork'


class NoDatabase(BadInput):
    """With a mongod of its own, which is ended."""

    @classmethod
    def setUpClass(cls):
        mongod = mongo.ReplicaSet()
        mongod.__enter__()
        cls.addClassCleanup(mongod.__exit__)
        cls.addClassCleanup(setattr, harness, 'URI', harness.URI)
        harness.URI = mongod.uri
        super().setUpClass()
        cls.mongod = mongod

    @classmethod
    def tearDownClass(cls):
        cls.system.drop = cls.forget
        super().tearDownClass()

    @classmethod
    def forget(cls):
        """There is no database to drop."""
        cls.system.client.close()
        harness.shutil.rmtree(cls.system.folder, ignore_errors=True)

    def sessions(self):
        """{state: (session, command)}"""
        result = {'connected': (self.connect(user=None),
                                f'LOGIN {ANN} secret'.encode())}
        for command in (b'LIST "" *', b'STATUS INBOX (MESSAGES)',
                        b'CREATE x', b'SELECT INBOX', b'APPEND INBOX {1+}'
                        b'\r\nx', b'SUBSCRIBE x', b'GETQUOTAROOT INBOX'):
            result[command] = self.connect(), command
        for command in (b'NOOP', b'FETCH 1 BODY[]', b'FETCH 1 ENVELOPE',
                        rb'STORE 1 FLAGS (\Seen)', b'EXPUNGE', b'CHECK',
                        b'COPY 1 INBOX', b'MOVE 1 INBOX', b'SEARCH TEXT x',
                        b'SORT (SUBJECT) UTF-8 ALL', b'DONE'):
            d = self.select(messages=0)
            if command == b'DONE':
                self.raw(d, b'i IDLE\r\n', rb'^\+ ')
            result[b'selected ' + command] = d, command
        return result

    @line(70, 'mongod goes away in each state')
    def test_each_state(self):
        self.append_one()
        for form in ('inetd', 'fork'):
            self.form = form
            type(self).ports = {}
            setattr(self, form, self.sessions())
        # Sessions in the middle of a message.
        half = self.connect()
        self.raw(half, b'a APPEND INBOX {10}\r\n', rb'^\+ ')
        half.send(b'abc')
        self.mongod.process.kill()
        self.mongod.process.wait()
        half.send(b'defghij\r\n')
        self.assertRegex(half.until('a'), rb'(a NO \[UNAV|\* BYE )')
        waits = []
        for d, command in [*self.inetd.values(), *self.fork.values()]:
            start = time.monotonic()
            d.send(command + b'\r\n' if command == b'DONE' else
                   b'a ' + command + b'\r\n')
            text = d.until('i' if command == b'DONE' else 'a')
            waits.append(time.monotonic() - start)
            # Who waited has waited: that is done.
            want = rb'(^|\n)(i OK|\* BYE )' if command == b'DONE' else \
                rb'(^|\n)(a NO \[UNAVAILABLE\]|\* BYE )'
            self.assertRegex(text, want, command)
            self.assertNotRegex(text, rb'\* \d+ (EXISTS|EXPUNGE)')
        self.assertLess(sorted(waits)[len(waits) // 2], 5)

    def append_one(self):
        d = self.connect()
        self.tell(d, f'CREATE {self.box}')
        self.append(d, MESSAGE)


if __name__ == '__main__':
    unittest.main()
