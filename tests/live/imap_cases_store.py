"""Rules 1 to 6 of the cases of IMAP (test_imap_cases.py has the table)."""
import os
import re
import threading

from imap_cases import MESSAGE


class StoreRules:
    """Octets, writers, numbers, flags, all or nothing, CONDSTORE."""

    # --- 1: octets -----------------------------------------------------------

    def test_octets(self):
        inner = (b'From: i@x.example\r\nSubject: inner\r\nX-Long: '
                 b'abcdefghijklmnopqrstuvwxyz\r\n\r\ninner text\r\n')
        text = (b'Subject: outer\r\nContent-Type: multipart/mixed; '
                b'boundary=o\r\n\r\npreamble\r\n--o\r\n\r\nfirst\r\n--o\r\n'
                b'Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n'
                b'Content-Type: message/rfc822\r\n\r\n' + inner +
                b'\r\n--i--\r\n--o--\r\nepilogue\r\n')
        binary = bytes(range(1, 256)).replace(b'\r', b'').replace(b'\n', b'')
        odd = (b'Subject: odd\r\n\r\n' + binary + b'\r\n.\r\n..\r\n' +
               b'x' * 5000)
        s = self.start(select='INBOX')
        for t in (text, odd):
            s.append(text=t)
        for n, t in ((1, text), (2, odd)):
            answer = s.ok(f'FETCH {n} (RFC822.SIZE BODY.PEEK[])')
            self.assertIn(b'RFC822.SIZE %d ' % len(t), answer)
            self.assertIn(b'BODY[] {%d}\r\n' % len(t) + t + b')\r\n', answer)
        header = inner[:inner.index(b'\r\n\r\n') + 4]
        for section, want in (
                ('2.1.HEADER', header), ('2.1.HEADER<5.100>', header[5:105]),
                ('2.1.HEADER<5.7>', header[5:12]), ('2.1.1', b'inner text'
                                                    b'\r\n'),
                ('2.1', inner), ('2.1<0.4>', inner[:4]),
                ('2.1.TEXT<6.4>', b'text'), ('1', b'first'),
                ('1<5.1>', b''), ('1<4.1>', b't'), ('<0.5>', None),
                ('2.1.HEADER<4294967295.1>', b'')):
            if want is None:
                continue
            answer = s.ok(f'FETCH 1 BODY.PEEK[{section.partition("<")[0]}]'
                          + ('<' + section.partition('<')[2]
                             if '<' in section else ''))
            self.assertRegex(
                answer, rb'\{%d\}\r\n' % len(want) + re.escape(want) +
                rb'\)\r\n', section)
        self.assertIn(b'BODY[]<3> {4}\r\nject)', s.ok(
            'FETCH 1 BODY.PEEK[]<3.4>'))

    def peak_kib(self, session):
        with open(f'/proc/{session.server_pid()}/status') as f:
            return int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1))

    def test_big_append(self):
        """50 MB in by APPEND and out by FETCH, in bounded memory."""
        line = b'0123456789abcdef' * 4 + b'\r\n'
        text = b'Subject: big\r\n\r\n' + line * (50 * 1000 * 1000 // len(line))
        s = self.start(select='INBOX')
        s.append()
        before = self.peak_kib(s)
        s.append(text=text)
        s.send('f FETCH 2 BODY.PEEK[]\r\n')
        head = s.line()
        while b'FETCH' not in head:
            head = s.line()
        self.assertIn(b'{%d}' % len(text), head)
        at = 0
        while at < len(text):
            block = s.file.read(min(1 << 20, len(text) - at))
            self.assertTrue(block == text[at:at + len(block)])
            at += len(block)
        self.assertIn(b'f OK', s.until('f'))
        # Sanitizers keep freed memory.
        scale = 20 if 'san' in os.path.basename(
            os.environ['M3MTA_BUILD']) else 1
        self.assertLess(self.peak_kib(s) - before, scale * (16 << 10))

    # --- 2: many writers -----------------------------------------------------

    def test_writers(self):
        """One reader follows modseq, another UIDNEXT, while four write: what
        they have put together is the mailbox."""
        s = self.start(select='INBOX')
        s.ok('CREATE Other')
        s.append(20, folder='Other')
        stop = threading.Event()
        failures = []

        def write(number):
            w = self.start(select='Other')
            for i in range(12):
                if number < 2:
                    w.append(folder='INBOX')
                elif number == 2:
                    w.ok(f'UID COPY {i + 1} INBOX')
                else:
                    w.ok(f'UID MOVE {i + 6} INBOX')

        def follow():
            r = self.start('CONDSTORE', select='INBOX')
            modseq, seen = 0, {}
            while True:
                last = stop.is_set()
                r.ok('NOOP')
                answer = r.ok(f'UID FETCH 1:* (UID) (CHANGEDSINCE {modseq})')
                for uid, m in re.findall(
                        rb'FETCH \(UID (\d+) MODSEQ \((\d+)\)\)', answer):
                    uid, m = int(uid), int(m)
                    modseq = max(modseq, m)
                    if uid in seen:
                        failures.append(f'uid {uid} twice')
                    if seen and uid < max(seen):
                        failures.append(f'uid {uid} behind {max(seen)}')
                    seen[uid] = m
                if last:
                    return seen

        def next_uids():
            r = self.start(select='INBOX')
            while not stop.is_set():
                uidnext = r.number(r.ok('STATUS INBOX (UIDNEXT)'), b'UIDNEXT')
                uids = [int(x) for x in re.findall(
                    rb'UID (\d+)', r.ok('FETCH 1:* UID'))] or [0]
                after = r.number(r.ok('STATUS INBOX (UIDNEXT)'), b'UIDNEXT')
                if uids != sorted(set(uids)) or max(uids) >= after or \
                        after < uidnext:
                    failures.append(f'{uidnext} {after} {uids[-3:]}')

        def guarded(what, *args):
            try:
                results[what.__name__] = what(*args)
            except Exception as e:
                failures.append(f'{type(e).__name__}: {e}')
        s.append()
        results = {}
        writers = [threading.Thread(target=guarded, args=(write, i))
                   for i in range(4)]
        readers = [threading.Thread(target=guarded, args=(f,))
                   for f in (follow, next_uids)]
        for t in writers + readers:
            t.start()
        for t in writers:
            t.join(120)
        stop.set()
        for t in readers:
            t.join(60)
        self.assertEqual(failures, [])
        s.ok('NOOP')
        uids = {int(x) for x in re.findall(rb'UID (\d+)',
                                           s.ok('FETCH 1:* UID'))}
        self.assertEqual(uids, set(range(1, max(uids) + 1)))
        self.assertEqual(set(results['follow']), uids)

    def test_uidvalidity(self):
        s = self.start()
        seen = []
        for _ in range(3):
            s.ok('CREATE a')
            seen.append(s.number(s.ok('STATUS a (UIDVALIDITY)'),
                                 b'UIDVALIDITY'))
            s.append(folder='a')
            s.ok('DELETE a')
        s.ok('CREATE b')
        s.ok('RENAME b a')
        seen.append(s.number(s.ok('STATUS a (UIDVALIDITY)'), b'UIDVALIDITY'))
        self.assertEqual(seen, sorted(set(seen)))

    # --- 3: sequence numbers -------------------------------------------------

    def test_numbers_stand_still(self):
        """Three sessions: one expunges, what the others ask for tells how
        far their numbers may move."""
        one = self.start(select='INBOX')
        one.append(2)
        two = self.start(select='INBOX')
        two.ok('FETCH 1:* FLAGS')
        for command, may_expunge in (
                ('FETCH 3 FLAGS', False), ('STORE 3 +FLAGS ($x)', False),
                ('SEARCH ALL', False), ('SORT (ARRIVAL) US-ASCII ALL', False),
                ('THREAD REFERENCES US-ASCII ALL', False),
                ('UID FETCH 3 FLAGS', True), ('UID SEARCH ALL', True),
                (r'UID STORE 3 +FLAGS ($y)', True), ('NOOP', True),
                ('CHECK', True), ('COPY 3 Trash', True),
                ('STATUS Trash (MESSAGES)', True), ('LIST "" ""', True),
                ('APPEND Trash {3+}\r\nabc', True), ('CAPABILITY', True)):
            one.append()
            two.ok('NOOP')
            one.ok(r'STORE 1 +FLAGS (\Deleted)')
            one.ok('EXPUNGE')
            answer = two.ok(command)
            self.assertEqual(b'EXPUNGE' in answer, may_expunge, command)
            if not may_expunge:
                self.assertIn(b'* 1 EXPUNGE', two.ok('NOOP'))

    def test_own_changes(self):
        s = self.start(select='INBOX')
        self.assertIn(b'* 1 EXISTS\r\n', s.append())
        self.assertIn(b'* 2 EXISTS\r\n', s.ok('COPY 1 INBOX'))
        self.assertIn(b'* 3 EXISTS\r\n', s.ok('UID COPY 1 INBOX'))
        answer = s.ok('MOVE 1 INBOX')
        self.assertIn(b'* 1 EXPUNGE\r\n', answer)
        self.assertIn(b'* 3 EXISTS\r\n', answer)
        answer = s.ok('FETCH 1:* UID')
        self.assertEqual(re.findall(rb'UID (\d+)', answer),
                         [b'2', b'3', b'4'])
        n = len(MESSAGE)
        s.send(f'm APPEND INBOX {{{n}+}}\r\n'.encode() + MESSAGE +
               f' {{{n}+}}\r\n'.encode() + MESSAGE + b'\r\n')
        self.assertIn(b'* 5 EXISTS\r\n', s.until('m'))

    def test_expunged_by_others(self):
        one, two = self.start(select='INBOX'), self.start(select='INBOX')
        one.append(3)
        two.ok('NOOP')
        two.ok('FETCH 1:* FLAGS')
        one.ok(r'STORE 2 +FLAGS (\Deleted)')
        one.ok('EXPUNGE')
        # Its octets are kept: flags and body are answered as they were, or
        # it is OK [EXPUNGEISSUED]; never another message's.
        for item in ('FLAGS', 'BODY.PEEK[]', 'ENVELOPE'):
            answer = two.ok(f'FETCH 2 (UID {item})')
            if b'[EXPUNGEISSUED]' not in answer:
                self.assertIn(b'* 2 FETCH (UID 2', answer)
        self.assertIn(b'* 3 FETCH (UID 3', two.ok('FETCH 3 (UID FLAGS)'))
        # A change of it is no error that ends anything.
        for command in (r'STORE 2 +FLAGS (\Seen)',
                        r'STORE 2 +FLAGS.SILENT (\Seen)',
                        r'STORE 1:3 FLAGS (\Flagged)'):
            self.assertRegex(two.imap('a', command), rb'(?m)^a (OK|NO)')
        self.assertIn(rb'\Flagged', one.ok('FETCH 2 FLAGS'))
        self.assertIn(b'* 2 EXPUNGE', two.ok('NOOP'))
        self.assertIn(b'* 2 FETCH (UID 3', two.ok('FETCH 2 (UID)'))
        # COPY by number is all or nothing; by uid what is there is copied.
        one.ok(r'STORE 1 +FLAGS (\Deleted)')
        one.ok('EXPUNGE')
        two.no('COPY 1:2 Archive', '[EXPUNGEISSUED]')
        self.assertIn(b'MESSAGES 0', one.ok('STATUS Archive (MESSAGES)'))
        two.ok('UID COPY 1,3 Archive')
        self.assertIn(b'MESSAGES 1', one.ok('STATUS Archive (MESSAGES)'))

    # --- 4: flags ------------------------------------------------------------

    def test_flags(self):
        s = self.start()
        answer = s.ok('SELECT INBOX')
        self.assertRegex(answer, rb'\* FLAGS \(.*\\Answered.*\)')
        self.assertRegex(answer, rb'PERMANENTFLAGS \(.*\\\*\)\]')
        s.append()
        self.assertIn(rb'FLAGS (\Answered \Seen',
                      s.ok(r'STORE 1 FLAGS (\SEEN \answered)'))
        answer = s.ok(r'STORE 1 +FLAGS ($Forwarded Junk)')
        self.assertLess(answer.index(b'* FLAGS ('), answer.index(b'FETCH'))
        # Any case is the same keyword.
        answer = s.ok(r'STORE 1 -FLAGS ($FORWARDED)')
        self.assertNotIn(b'orwarded', answer)
        s.bad(r'STORE 1 +FLAGS (\Odd)')
        s.bad('STORE 1 +FLAGS (a]b "x")')
        s.no('STORE 1 +FLAGS (%s)' % ('k' * 65), '[LIMIT]')
        # The limit of a folder; what is there stays.
        for i in range(0, 60, 10):
            answer = s.imap('a', 'STORE 1 +FLAGS (%s)' % ' '.join(
                f'k{n}' for n in range(i, i + 10)))
        self.assertIn(b'a NO [LIMIT]', answer)
        self.assertRegex(s.ok('FETCH 1 FLAGS'), rb'k49\W')
        self.assertNotRegex(s.ok('FETCH 1 FLAGS'), rb'k55\W')
        s.no('APPEND INBOX (k50 k51 k52 k53 k54 k55 k56) {3+}\r\nabc',
             '[LIMIT]')
        # Each folder has its own.
        s.append(folder='Sent', flags='$other')
        self.assertRegex(s.ok('SELECT Sent'), rb'\* FLAGS \(.*\$other.*\)')
        self.assertNotIn(b'k49', s.ok('SELECT Sent'))

    def test_recent(self):
        w = self.start()
        w.append(2)
        one = self.start(examine='INBOX')
        self.assertIn(rb'\Recent', one.ok('FETCH 1 FLAGS'))
        two = self.start()
        self.assertIn(b'* 2 RECENT', two.ok('SELECT INBOX'))
        self.assertIn(rb'\Recent', two.ok('FETCH 2 FLAGS'))
        three = self.start()
        self.assertIn(b'* 0 RECENT', three.ok('SELECT INBOX'))
        self.assertNotIn(rb'\Recent', three.ok('FETCH 1:2 FLAGS'))
        w.append()
        recent = sum(rb'\Recent' in x.ok('NOOP') + x.ok('FETCH 3 FLAGS')
                     for x in (two, three))
        self.assertEqual(recent, 1)
        # Nobody can set or clear it.
        three.bad(r'STORE 1 +FLAGS (\Recent)')
        self.assertIn(b'RECENT 0', w.ok('STATUS INBOX (RECENT)'))

    def test_flags_of_two(self):
        """Each adds flags of its own at the same time: none is lost."""
        s = self.start(select='INBOX')
        s.append(4)
        failures = []

        def add(word):
            try:
                t = self.start(select='INBOX')
                for i in range(10):
                    t.ok(f'STORE 1:4 +FLAGS.SILENT (${word}{i})')
                    t.ok(f'UID STORE {i % 4 + 1} -FLAGS (${word}0)')
            except Exception as e:
                failures.append(e)
        threads = [threading.Thread(target=add, args=(w,)) for w in 'ab']
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.assertEqual(failures, [])
        s.ok('NOOP')
        for line in s.ok('FETCH 1:4 FLAGS').split(b'\r\n')[:4]:
            for word in ('a', 'b'):
                for i in range(1, 10):
                    self.assertIn(f'${word}{i}'.encode(), line)
                self.assertNotRegex(line, rf'\${word}0\b'.encode())

    # --- 5: all or nothing ---------------------------------------------------

    def test_all_or_nothing(self):
        n = len(MESSAGE)
        self.system.m3mta('mailbox', 'set', self.address,
                          f'--quota={n * 7}')
        s = self.start(select='INBOX')
        s.append(3)
        # Five more do not fit, two would.
        s.send(b'm APPEND INBOX' +
               (b' {%d+}\r\n' % n + MESSAGE) * 5 + b'\r\n')
        self.assertRegex(s.until('m'), rb'(?m)^m NO \[OVERQUOTA\]')
        self.assertIn(b'MESSAGES 3', s.ok('STATUS INBOX (MESSAGES)'))
        s.append(3, folder='Sent')
        s.no('COPY 1:3 Archive', '[OVERQUOTA]')
        self.assertIn(b'MESSAGES 0', s.ok('STATUS Archive (MESSAGES)'))
        # MOVE needs no room.
        answer = s.ok('MOVE 1:3 Archive')
        self.assertRegex(answer, rb'\* OK \[COPYUID \d+ 1:3 1:3\]')
        self.assertEqual(answer.count(b' EXPUNGE\r\n'), 3)
        # One bad message among them: none is stored.
        s.send(b'm APPEND Trash {3+}\r\nabc {3+}\r\na\0c\r\n')
        self.assertRegex(s.until('m'), rb'(?m)^m (NO|BAD)')
        s.send(b'm APPEND Trash {3+}\r\nabc (\\Odd) {3+}\r\nabc\r\n')
        self.assertRegex(s.until('m'), rb'(?m)^m (NO|BAD)')
        self.assertIn(b'MESSAGES 0', s.ok('STATUS Trash (MESSAGES)'))
        s.ok('SELECT Archive')
        for command in ('COPY', 'MOVE'):
            s.no(f'{command} 1:3 Nowhere', '[TRYCREATE]')
        self.assertIn(b'MESSAGES 3', s.ok('STATUS Archive (MESSAGES)'))

    # --- 6: CONDSTORE --------------------------------------------------------

    def test_condstore(self):
        w, r = self.start(select='INBOX'), self.start()
        self.assertGreater(r.number(r.ok('SELECT Drafts'),
                                    b'HIGHESTMODSEQ'), 0)
        self.assertIn(b'* ENABLED CONDSTORE\r\n', r.ok('ENABLE CONDSTORE X'))
        self.assertIn(b'* ENABLED QRESYNC\r\n', r.ok('ENABLE QRESYNC'))
        w.append(4)
        answer = r.ok('SELECT INBOX')
        modseq = r.number(answer, b'HIGHESTMODSEQ')
        validity = r.number(answer, b'UIDVALIDITY')
        w.ok(r'STORE 1,3 +FLAGS (\Flagged)')
        answer = r.ok(f'FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})')
        self.assertEqual(re.findall(rb'\* (\d) FETCH', answer)[-2:],
                         [b'1', b'3'])
        later = int(re.search(rb'MODSEQ \((\d+)\)', answer).group(1))
        self.assertGreater(later, modseq)
        # Only who has not changed since is stored; the others are named.
        answer = r.ok(f'UID STORE 1:4 (UNCHANGEDSINCE {modseq}) +FLAGS ($x)')
        self.assertIn(b'[MODIFIED 1,3]', answer)
        self.assertEqual(r.search('KEYWORD $x'), '2 4')
        answer = r.ok(f'SEARCH MODSEQ {later}')
        self.assertRegex(answer,
                         rb'\* SEARCH 1 2 3 4 \(MODSEQ \d+\)\r\n')
        w.ok(r'STORE 2 +FLAGS (\Deleted)')
        w.ok('EXPUNGE')
        self.assertIn(b'* VANISHED 2\r\n', r.ok('NOOP'))
        # What never was does not vanish.
        r.ok('UNSELECT')
        answer = r.ok(f'SELECT INBOX (QRESYNC ({validity} {modseq} 1:4000))')
        self.assertIn(b'* VANISHED (EARLIER) 2\r\n', answer)
        answer = r.ok(f'UID FETCH 1:9000 (FLAGS) (CHANGEDSINCE {modseq} '
                      'VANISHED)')
        self.assertIn(b'* VANISHED (EARLIER) 2\r\n', answer)
        self.assertIn(b'HIGHESTMODSEQ',
                      r.ok('STATUS INBOX (HIGHESTMODSEQ)'))
