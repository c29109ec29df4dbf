"""Bad input over IMAP, lines 1 to 36 of the cases: literals, syntax, states
and mailbox names. The programs have sanitizers in them, and each test runs in
both process forms. The lines from 37 on: test_imap_bad_input_mail.py; memory,
time and the classes of CVEs: test_imap_bad_input_limits.py.

line  test                     line  test
1     test_literal_sizes       19    test_search_depth
2     test_literal_preauth     20    ..._limits: test_many_messages
3     test_literal_of_append   21    test_bad_sets
4     test_refused_literals    22    test_huge_range
5     test_many_literals       23    test_long_set
6     test_literal_and_eof     24    test_beyond_exists
7     test_literal_is_data     25    test_deep_section
8     test_nul_in_literal      26    test_bad_sections
9     test_nul                 27    test_bad_partials
10    test_open_quote          28    test_starttls_injection
11    test_escapes             29    test_starttls_state
12    test_8bit                30    test_login_needs_tls
13    test_long_line           31    test_authenticate_plain
14    test_tags                32    test_unknown_mechanism
15    test_line_ends           33    test_states
16    test_empty_line          34    test_mailbox_names
17    test_noop_parentheses    35    test_literal_names
18    test_parentheses         36    test_modified_utf7
"""
import base64
import contextlib
import unittest

from bad_input import ANN, MESSAGE, BadInput, line

HUGE = ('4294967295', '4294967296', '18446744073709551616', '9' * 30)
MALFORMED = ('-1', '++ ', '', '1a', '1 ', '0x1', '1.0') + HUGE


class Lines(BadInput):
    # --- literals -----------------------------------------------------------

    @line(1, 'literals of bad size')
    def test_literal_sizes(self):
        for user in (ANN, None):
            d = self.connect(user=user)
            for size in MALFORMED[:7]:
                self.raw(d, f'a NOOP {{{size}}}\r\n'.encode(), b'^a BAD ')
            self.is_sane(d)
            d = self.connect(user=user)
            for size in HUGE:
                self.raw(d, f'a NOOP {{{size}}}\r\n'.encode(), b'^a BAD ')
            # "+", but of how many octets nobody knows: closed as well.
            for size in ('+', '-', '1a+', *(x + '+' for x in HUGE)):
                e = self.connect(user=user)
                e.send(f'a NOOP {{{size}}}\r\n')
                self.assertRegex(self.rest(e), rb'^a BAD .*\r\n\* BYE ')
                if self.form == 'inetd':
                    break
            # An empty one is well formed; NOOP takes no argument.
            self.raw(d, b'a NOOP {0}\r\n', rb'^\+ ')
            self.raw(d, b'\r\n', b'^a BAD ')
            self.is_sane(d)

    @line(2, 'a literal over the budget before login')
    def test_literal_preauth(self):
        d = self.connect(user=None)
        self.raw(d, b'a LOGIN {36864}\r\n', b'^a BAD ')
        self.raw(d, b'a LOGIN x {36850}\r\n', b'^a BAD ')
        self.raw(d, b'a LOGIN {18000}\r\n', rb'^\+ ')
        self.raw(d, b'x' * 18000 + b' {18000}\r\n', rb'^\+ ')
        self.raw(d, b'x' * 18000 + b' {900}\r\n', b'^a BAD ')
        self.is_sane(d)

    @line(3, 'APPEND over the quota or the size: refused before "+"')
    def test_literal_of_append(self):
        small = f'small-{self.form}@example.org'
        self.system.m3mta('mailbox', 'add', small, '--no-password',
                          '--quota=5000')
        d = self.connect('-o', 'imap.append.maximum=65536', user=small)
        self.raw(d, b'a APPEND INBOX {6000}\r\n', rb'^a NO \[OVERQUOTA\]')
        self.raw(d, b'a APPEND INBOX {65537}\r\n', rb'^a NO \[TOOBIG\]')
        self.is_sane(d)
        self.assertIn(b'MESSAGES 0', self.ok(d, 'STATUS INBOX (MESSAGES)'))

    @line(4, 'what is too big and comes unasked never runs as commands')
    def test_refused_literals(self):
        evil = b'\r\nx CREATE evil4\r\n'
        many = evil * 4200
        n = len(many)
        for before, after, want in (
                (b'a APPEND INBOX {%d+}\r\n' % n, b'', rb'^a NO \[TOOBIG'),
                (b'a APPEND no {%d+}\r\n' % n, b'', rb'^a NO \[TRYCREATE'),
                (b'a NOOP {%d+}\r\n' % n, b'', b'^a BAD'),
                (b'a NOOP {%d-}\r\n' % n, b'', b'^a BAD'),
                (b'a NOOP x{%d+}\r\n' % len(evil), b'', b'^a BAD'),
                # The message is good, what follows is not.
                (b'a APPEND INBOX {4+}\r\nabcd ) {%d+}\r\n' % n, b'',
                 b'^a BAD'),
                (b'a APPEND INBOX (\\Foo) {4+}\r\nabcd {%d+}\r\n' % n, b'',
                 b'^a '),
                (b'a APPEND {4+}\r\nabcd {%d+}\r\n' % n, b'', b'^a '),
                # No number, or none that fits: the end is not known.
                (b'a NOOP {99999999999+}\r\n', b'', b'^a BAD'),
                (b'a APPEND INBOX {5-}\r\n', b'', b'^a BAD'),
                (b'a APPEND INBOX {18446744073709551617+}\r\n', b'',
                 b'^a BAD'),
                # The line is refused for another reason.
                (b'a NOOP {%d+}\n' % n, b'', b'^a BAD'),
                (b'a NOOP \0 {%d+}\r\n' % n, b'', b'^a BAD')):
            with self.subTest(before=before):
                d = self.connect('-o', 'imap.append.maximum=65536')
                with contextlib.suppress(OSError):
                    d.send(before + many + after + b'\r\ny LOGOUT\r\n')
                text = self.rest(d)
                self.assertRegex(text, want)
                self.assertNotIn(b'x OK', text)
                self.assertNotIn('evil4', self.boxes())

    @line(5, 'many literals in one command')
    def test_many_literals(self):
        d = self.select()
        self.raw(d, b'a SEARCH' + b' TEXT {1+}\r\nx' * 63 + b'\r\n',
                 rb'^\* SEARCH')
        self.assertIn(b'a OK', d.line())
        evil = b'\r\nx CREATE evil5\r\n'
        d.send(b'a SEARCH' + b' TEXT {%d+}\r\n%s' % (len(evil), evil) * 200 +
               b'\r\nb NOOP\r\n')
        text = d.until('b')
        self.assertEqual(text.count(b'a BAD'), 1)
        self.assertEqual(text.count(b'BAD'), 1)
        self.assertNotIn('evil5', self.boxes())
        d.send(b'a SEARCH')
        for _ in range(64):
            self.raw(d, b' TEXT {1}\r\n', rb'^\+ ')
            d.send(b'x')
        self.raw(d, b' TEXT {1}\r\n', b'^a BAD ')
        self.is_sane(d)

    @line(6, 'the end of input inside a literal')
    def test_literal_and_eof(self):
        for user in (ANN, None):
            d = self.connect(user=user)
            self.raw(d, b'a LOGIN {10}\r\n', rb'^\+ ')
            d.send(b'abc')
            self.shut(d)
            self.assertEqual(self.rest(d), b'')
        d = self.select()
        self.raw(d, b'a APPEND INBOX {10}\r\n', rb'^\+ ')
        d.send(b'abc')
        self.shut(d)
        self.assertEqual(self.rest(d), b'')

    @line(7, 'commands in a literal are data')
    def test_literal_is_data(self):
        d = self.connect()
        self.raw(d, b'a SELECT {18}\r\n', rb'^\+ ')
        self.raw(d, b'INBOX\r\na2 LOGOUT\r\n\r\n', b'^a NO ')
        self.is_sane(d)
        self.raw(d, b'a SELECT {11+}\r\n\r\na2 LOGOUT\r\n', b'^a NO ')
        self.is_sane(d)

    @line(8, 'NUL in a literal')
    def test_nul_in_literal(self):
        d = self.connect()
        self.raw(d, b'a SELECT {5+}\r\nIN\0OX\r\n', b'^a BAD ')
        self.raw(d, b'a APPEND INBOX {3+}\r\na\0b\r\n', b'^a NO ')
        d = self.connect(user=None)
        self.raw(d, b'a LOGIN {3+}\r\na\0b x\r\n', b'^a BAD ')
        self.is_sane(d)

    # --- syntax -------------------------------------------------------------

    @line(9, 'NUL in a quoted string, an atom, a tag')
    def test_nul(self):
        for user in (ANN, None):
            d = self.connect(user=user)
            self.raw(d, b'a SELECT "IN\0OX"\r\n', b'^a BAD ')
            self.raw(d, b'a SELECT IN\0OX\r\n', b'^a BAD ')
            self.raw(d, b'a\0b NOOP\r\n', rb'^\* BAD ')
            self.raw(d, b'a NO\0OP\r\n', b'^a BAD ')
            self.raw(d, b'\0\r\n', rb'^\* BAD ')
            self.is_sane(d)

    @line(10, 'a quoted string that the line ends')
    def test_open_quote(self):
        d = self.connect()
        for text in ('"', '"IN', '"IN\\', '"IN\\"'):
            self.bad(d, 'SELECT ' + text)
        self.is_sane(d)

    @line(11, 'escapes other than \\\\ and \\"')
    def test_escapes(self):
        d = self.connect()
        self.bad(d, 'SELECT "a\\x"')
        self.bad(d, 'SELECT "\\r\\n"')
        self.ok(d, f'CREATE "{self.form}\\"\\\\"')
        self.is_sane(d)

    @line(12, '8-bit octets in a quoted string')
    def test_8bit(self):
        d = self.connect()
        # Valid UTF-8 in a string is read before ENABLE too.
        self.no(d, b'SELECT "\xc3\xa4"')
        self.bad(d, b'SELECT \xc3\xa4')
        self.bad(d, b'\xc3\xa4')
        self.ok(d, 'ENABLE UTF8=ACCEPT')
        self.no(d, b'SELECT "\xc3\xa4"')
        for wrong in (b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xc3'):
            self.bad(d, b'SELECT "' + wrong + b'"')
        self.is_sane(d)

    @line(13, 'a line of 64 KiB and more: BAD and closed')
    def test_long_line(self):
        for user, n in ((ANN, 65536), (ANN, 1 << 20), (None, 36864),
                        (None, 1 << 20)):
            d = self.connect(user=user)
            with contextlib.suppress(OSError):
                d.send(b'a NOOP ' + b'x' * n + b'\r\nb CREATE evil\r\n')
            text = self.rest(d)
            if n < 1 << 20 or text:
                self.assertRegex(text, rb'^(a BAD .*\r\n)?\* BYE .*\r\n$')
            # What is sent on and on may cost the client the answer.
            self.assertNotIn(b'b ', text)
        d = self.connect()
        self.bad(d, 'NOOP ' + 'x' * (65536 - 10))

    @line(14, 'bad tags')
    def test_tags(self):
        d = self.connect()
        for tag in (b'*', b'+', b'', b'a+', b'x' * 10240, b'"a"', b'(',
                    b'a{', b'\\a', b'%', b'x' * 257, b'\x7f', b'a\tb'):
            self.raw(d, tag + b' NOOP\r\n', rb'^\* BAD ')
        self.raw(d, b'x' * 256 + b' NOOP\r\n', b'^x{256} OK ')
        self.is_sane(d)

    @line(15, 'a bare LF or CR as the end of a line')
    def test_line_ends(self):
        d = self.connect()
        self.raw(d, b'a NOOP\n', b'^a BAD ')
        self.raw(d, b'a NOOP\rb NOOP\r\n', b'^a BAD ')
        self.raw(d, b'a NOOP\r\r\n', b'^a BAD ')
        self.raw(d, b'\n', rb'^\* BAD ')
        self.raw(d, b'a NOOP\n\rb NOOP\r\n', b'^a BAD ')
        self.raw(d, b'', rb'^\* BAD ')
        self.is_sane(d)

    @line(16, 'an empty line: passed over, as cases-imap 11 has it')
    def test_empty_line(self):
        for user in (ANN, None):
            d = self.connect(user=user)
            self.raw(d, b'\r\n\r\na NOOP\r\n', b'^a OK ')
            self.raw(d, b' \r\n', rb'^\* BAD ')
            self.raw(d, b'a\r\n', b'^a BAD ')
            self.raw(d, b'a \r\n', b'^a BAD ')
            self.is_sane(d)

    @line(17, 'NOOP with 4,000 parentheses')
    def test_noop_parentheses(self):
        for user in (ANN, None):
            d = self.connect(user=user)
            self.bad(d, 'NOOP ' + '(' * 4000)
            self.bad(d, 'NOOP ' + '(' * 2000 + ')' * 2000)
            self.bad(d, 'NOOP ' + ')' * 4000)
            self.is_sane(d)

    @line(18, '4,000 parentheses in FETCH, STORE, SEARCH and others')
    def test_parentheses(self):
        d = self.select(messages=1)
        for before in ('FETCH 1 ', 'STORE 1 FLAGS ', 'SEARCH ', 'SORT ',
                       'SORT (DATE) UTF-8 ', 'THREAD REFERENCES UTF-8 ',
                       'ID ', 'LIST ', 'STATUS INBOX ', 'SELECT INBOX ',
                       'GETMETADATA ', 'SETMETADATA "" ', 'SETQUOTA "" '):
            self.bad(d, before + '(' * 4000)
            self.bad(d, before + '(' * 2000 + 'x' + ')' * 2000)
        # Twenty are read; what they mean is judged then.
        self.answer(d, 'SEARCH ' + '(' * 20 + 'ALL' + ')' * 20,
                    b'(OK|BAD)')
        self.bad(d, 'SEARCH ' + '(' * 21 + 'ALL' + ')' * 21)
        self.is_sane(d)

    @line(19, 'SEARCH: NOT 1,000 times, OR 1,000 deep')
    def test_search_depth(self):
        d = self.select(messages=1)
        for n in (1000, 10000):
            self.answer(d, 'SEARCH ' + 'NOT ' * n + 'ALL', b'(OK|BAD)')
            self.answer(d, 'SEARCH ' + 'OR ALL ' * (n // 2) + 'ALL',
                        b'(OK|BAD)')
            self.answer(d, 'SEARCH ' + 'OR ' * n + 'ALL ' * n + 'ALL',
                        b'(OK|BAD)')
            d = self.select()
        self.bad(d, 'SEARCH NOT')
        self.bad(d, 'SEARCH OR ALL')
        self.is_sane(d)

    # --- sets, sections -----------------------------------------------------

    @line(21, 'bad sets')
    def test_bad_sets(self):
        d = self.select(messages=2)
        for text in ('0', '1:0', '4294967296', '1,,2', '1:2:3', ',1', '1,',
                     ':', '1:', ':1', '*:*:*', '1*', '-1', '01', '1.2',
                     '18446744073709551617', '()', '""', '1:2,x'):
            for command in (f'FETCH {text} FLAGS', f'UID FETCH {text} FLAGS'):
                self.bad(d, command)
            if text == '1:':
                d = self.select()
        for text in ('*:*', '*', '1:*', '*:1', '2,1', '1,1,1', '1:2,2:1'):
            self.assertIn(b'FETCH', self.ok(d, f'FETCH {text} FLAGS'))
        self.is_sane(d)

    @line(22, 'a range over all numbers')
    def test_huge_range(self):
        d = self.select(messages=2)
        for text in ('4294967295:1', '1:4294967295', '*:4294967295'):
            answer = self.ok(d, f'UID FETCH {text} FLAGS')
            self.assertIn(b'* 2 FETCH', answer)
        self.assertNotIn(b'FETCH (', self.ok(
            d, 'UID FETCH 4294967294:4294967295 FLAGS'))
        self.bad(d, 'FETCH 4294967295:1 FLAGS')
        self.assertIn(b'SEARCH 1 2', self.ok(d, 'SEARCH UID 1:4294967295'))
        self.is_sane(d)

    @line(23, 'a set of very many elements')
    def test_long_set(self):
        d = self.select(messages=2)
        # As many as a command may have; the time: test_linear.c.
        odd = ','.join(str(2 * i + 1) for i in range(11000))
        self.assertLess(len(odd), 65000)
        answer = self.ok(d, f'UID FETCH {odd} FLAGS')
        self.assertIn(b'* 1 FETCH', answer)
        self.assertNotIn(b'* 2 FETCH', answer)
        self.assertIn(b'SEARCH 1\r\n', self.ok(d, f'SEARCH UID {odd}'))
        self.assertIn(b'SEARCH 2\r\n', self.ok(d, f'SEARCH NOT UID {odd}'))
        self.ok(d, 'UID FETCH ' + '1,' * 32000 + '1 FLAGS')
        self.is_sane(d)

    @line(24, 'a number beyond EXISTS')
    def test_beyond_exists(self):
        d = self.select(messages=2)
        for command in ('FETCH 3 FLAGS', 'FETCH 1,5 FLAGS', 'COPY 3 INBOX',
                        'STORE 3 FLAGS ()', 'MOVE 7 INBOX', 'FETCH 2:3 FLAGS'):
            self.bad(d, command)
        self.ok(d, 'UID FETCH 3 FLAGS')
        self.assertIn(b'* SEARCH\r\n', self.ok(d, 'SEARCH 3'))
        self.is_sane(d)

    @line(25, 'a section 500 deep')
    def test_deep_section(self):
        d = self.select(messages=1)
        for n in (10, 100, 500, 5000):
            for end in ('', '.MIME', '.HEADER', '.TEXT'):
                text = self.answer(
                    d, f'FETCH 1 BODY[{".".join("1" * n)}{end}]',
                    b'(OK|BAD)')
                self.assertNotIn(b'body', text)
        self.is_sane(d)

    @line(26, 'bad sections')
    def test_bad_sections(self):
        d = self.select(messages=1)
        for text in ('0', '-1', '4294967296', 'HEADER.FIELDS ()', '1.0',
                     '1.', '.1', 'MIME', 'FOO', '1..1', 'HEADER.FIELDS',
                     'HEADER.FIELDS (a', 'HEADER.FIELDS.NOT ()', 'TEXT.1',
                     '1 1', '99999999999999999999', ' ', '1.FOO'):
            self.bad(d, f'FETCH 1 BODY[{text}]')
        self.is_sane(d)

    @line(27, 'partials: bad ones, and at the ends of numbers')
    def test_bad_partials(self):
        d = self.select(messages=1)
        for text in ('<0.0>', '<5.-1>', '<-1.5>', '<1>', '<>', '<0.1',
                     '<4294967296.1>', '<0.4294967296>', '<a.b>', '<1.2.3>'):
            self.bad(d, f'FETCH 1 BODY[]{text}')
        for text in ('<4294967295.4294967295>', '<4294967294.1>',
                     '<1000.4294967295>'):
            answer = self.ok(d, f'FETCH 1 BODY.PEEK[]{text}')
            self.assertRegex(answer, rb'BODY\[\]<\d+> (""|\{0\}\r\n)')
        whole = self.ok(d, 'FETCH 1 BODY.PEEK[]<0.4294967295>')
        self.assertIn(MESSAGE, whole)
        self.is_sane(d)

    # --- TLS and logins -----------------------------------------------------

    @line(28, 'commands behind STARTTLS')
    def test_starttls_injection(self):
        d = self.connect(user=None)
        d.send(f'a STARTTLS\r\nb LOGIN {ANN} secret\r\n')
        text = self.rest(d)
        self.assertRegex(text, b'^a BAD')
        self.assertNotIn(b'b ', text)

    @line(29, 'STARTTLS twice, with an argument, after login')
    def test_starttls_state(self):
        d = self.connect(user=None)
        self.bad(d, 'STARTTLS x')
        self.ok(d, 'STARTTLS')
        self.encrypt(d)
        self.bad(d, 'STARTTLS')
        self.ok(d, f'LOGIN {ANN} secret')
        self.bad(d, 'STARTTLS')
        self.is_sane(d)
        self.bad(self.connect(), 'STARTTLS')

    @line(30, 'LOGIN without TLS')
    def test_login_needs_tls(self):
        d = self.connect('-o', 'imap.auth.plain_no_tls=false', user=None)
        text = self.ok(d, 'CAPABILITY')
        self.assertIn(b'LOGINDISABLED', text)
        self.assertNotIn(b'AUTH=PLAIN', text)
        for command in (f'LOGIN {ANN} secret', 'AUTHENTICATE PLAIN',
                        'AUTHENTICATE PLAIN AGFubgBzZWNyZXQ='):
            self.answer(d, command, rb'NO \[PRIVACYREQUIRED\]')
        self.ok(d, 'STARTTLS')
        self.encrypt(d)
        self.assertNotIn(b'LOGINDISABLED', self.ok(d, 'CAPABILITY'))
        self.ok(d, f'LOGIN {ANN} secret')

    @line(31, 'AUTHENTICATE PLAIN: bad base64, "*", 12 KiB')
    def test_authenticate_plain(self):
        d = self.connect(user=None)
        for text in (b'!!!!', b'A', b'AAA', b'====', b'AA=A', b'*',
                     b'A' * 13000):
            self.raw(d, b'a AUTHENTICATE PLAIN\r\n', rb'^\+ ')
            self.raw(d, text + b'\r\n', b'^a (BAD|NO) ')
        self.is_sane(d)
        d = self.connect(user=None)
        for text in (b'\0', b'\0\0', b'\0\0\0', b'a', b'\0' + b'x' * 9000,
                     b'x' * 2000 + b'\0y\0z', b''):
            self.raw(d, b'a AUTHENTICATE PLAIN\r\n', rb'^\+ ')
            self.raw(d, base64.b64encode(text) + b'\r\n', b'^a (BAD|NO) ')
            if text == b'\0\0\0':
                d = self.connect(user=None)
        self.raw(d, b'a AUTHENTICATE PLAIN !!\r\n', b'^a BAD ')
        self.raw(d, b'a AUTHENTICATE PLAIN\r\n', rb'^\+ ')
        self.raw(d, b'AAAA\n', b'^a BAD ')
        self.is_sane(d)

    @line(32, 'an unknown mechanism')
    def test_unknown_mechanism(self):
        d = self.connect(user=None)
        for name in ('FOO', 'CRAM-MD5', '""', 'x' * 1000, '()', 'PLAIN\\'):
            self.answer(d, f'AUTHENTICATE {name}', b'(NO|BAD)')
        self.is_sane(d)

    @line(33, 'each command in each wrong state')
    def test_states(self):
        connected = ('LOGIN x y', 'AUTHENTICATE PLAIN', 'STARTTLS')
        user = ('SELECT x', 'EXAMINE x', 'CREATE x', 'DELETE x',
                'RENAME x y', 'SUBSCRIBE x', 'UNSUBSCRIBE x', 'LIST "" *',
                'LSUB "" *', 'STATUS x (MESSAGES)', 'APPEND x', 'ENABLE x',
                'NAMESPACE', 'IDLE', 'GETQUOTA ""', 'GETQUOTAROOT x',
                'SETQUOTA "" ()', 'COMPRESS DEFLATE', 'GETMETADATA "" /x',
                'SETMETADATA "" (/x NIL)')
        selected = ('CHECK', 'CLOSE', 'EXPUNGE', 'SEARCH ALL',
                    'FETCH 1 FLAGS', 'STORE 1 FLAGS ()', 'COPY 1 x',
                    'MOVE 1 x', 'UNSELECT', 'UID EXPUNGE 1', 'SORT (DATE) '
                    'UTF-8 ALL', 'THREAD REFERENCES UTF-8 ALL', 'REPLACE 1 x')
        for sort, state in ((connected, ANN), (connected, 'selected'),
                            (user, None), (selected, None), (selected, ANN)):
            d = self.select() if state == 'selected' else \
                self.connect(user=state)
            for i, command in enumerate(sort):
                if i and i % 8 == 0:
                    d = self.connect(user=state)
                self.bad(d, command)
            self.is_sane(d)
        # After LOGOUT nothing is answered at all: line 65.

    # --- names of mailboxes -------------------------------------------------

    @line(34, 'names that are no mailbox')
    def test_mailbox_names(self):
        d = self.connect()
        for name in ('../x', '/etc', 'a//b', 'a/', '', '/', '//', 'x' * 10240,
                     '/'.join('a' * 300), 'a/../b', 'a\tb', 'x' * 1001):
            for command in ('SELECT', 'STATUS', 'COPY'):
                text = {'STATUS': f'STATUS "{name}" (MESSAGES)',
                        'SELECT': f'SELECT "{name}"',
                        'COPY': f'RENAME "{name}" other'}[command]
                self.no(d, text)
        for name in ('/etc', 'a//b', '', 'x' * 10240, '/'.join('a' * 300)):
            self.no(d, f'CREATE "{name}"')
        self.no(d, 'SELECT {3+}\r\na\rb')
        self.is_sane(d)

    @line(35, 'names that mean something to others are names here')
    def test_literal_names(self):
        d = self.connect()
        names = ['$', '.', '$where', '{"$gt":""}', 'a.b', '..', '$ne.x',
                 '__proto__', "';return 1;//x", '%', '*', '(a+)+$', '^']
        for name in names:
            name = f'{self.form} {name}'
            quoted = '"' + name.replace('\\', '\\\\').replace(
                '"', '\\"') + '"'
            self.no(d, f'SELECT {quoted}')
            if '//' in name or '*' in name or '%' in name:
                continue
            self.ok(d, f'CREATE {quoted}')
            listed = self.ok(d, 'LIST "" ' + quoted)
            self.assertIn(quoted.encode(), listed)
            self.assertEqual(listed.count(b'* LIST'), 1)
            self.ok(d, f'STATUS {quoted} (MESSAGES)')
            self.no(d, f'STATUS {quoted[:-1]}x" (MESSAGES)')
            self.ok(d, f'DELETE {quoted}')
        self.no(d, 'SELECT "$ne"')
        self.is_sane(d)

    @line(36, 'modified UTF-7 that is none')
    def test_modified_utf7(self):
        d = self.connect()
        for name in ('&', '&AAA', '&2AA-', '&AGE-', '&AGE', 'a&b', '&-&',
                     '&A-', '&!!-', '&3AA-', '&2ADcAA', '&AOQ'):
            self.no(d, f'CREATE "{name}"')
            self.no(d, f'SELECT "{name}"')
        for name in ('&-', '&AOQ-', '&2D3cqQ-'):
            self.ok(d, f'CREATE "{self.form}{name}"')
        self.is_sane(d)


class LinesOfTheListener(Lines):
    form = 'fork'


if __name__ == '__main__':
    unittest.main()
