"""Rules 10 to 12 of the cases of IMAP, and what real clients do
(test_imap_cases.py has the table)."""
import os
import re
import zlib

from harness import has_ended, wait_for


class ClientRules:
    """IDLE, literals, any answer, clients."""

    # --- 10: IDLE ------------------------------------------------------------

    def test_idle(self):
        """"+" first, then what was there before, then what comes."""
        one, two = self.start(select='INBOX'), self.start(select='INBOX')
        one.append()
        self.assertEqual(two.idle(), [])
        self.assertEqual(two.line(), b'* 1 EXISTS\r\n')
        two.line()
        # imap.idle.poll is 60 s and sockets wait 30 s: nothing is polled.
        one.append()
        self.assertEqual(two.line(), b'* 2 EXISTS\r\n')
        two.line()
        one.ok(r'STORE 2 +FLAGS (\Deleted)')
        self.assertRegex(two.line(), rb'\* 2 FETCH \(FLAGS \(.*\\Deleted')
        one.ok('EXPUNGE')
        self.assertEqual(two.line(), b'* 2 EXPUNGE\r\n')
        two.done()
        # Anything but DONE ends IDLE with BAD, and not the session.
        for word in ('NOOP', 'DONEx', 'i2 IDLE', ''):
            self.assertEqual(two.idle(), [])
            two.send(f'{word}\r\n')
            self.assertRegex(two.until('i'), rb'(?m)^i BAD')
            two.ok('NOOP')
        two.idle()
        two.send('done\r\n')
        self.assertRegex(two.until('i'), rb'(?m)^i OK')
        # Also with nothing selected, and pipelined.
        two.ok('UNSELECT')
        two.send('i IDLE\r\nDONE\r\nx NOOP\r\n')
        self.assertRegex(two.until('x'), rb'(?s)^\+ .*\r\ni OK.*\r\nx OK')

    def test_idle_elsewhere(self):
        """Another host, nobody rings: the poll finds it."""
        one = self.start(select='INBOX')
        folder = os.path.join(self.system.folder, 'elsewhere')
        os.makedirs(folder, exist_ok=True)
        port, self.port = self.port, self.system.serve(
            'm3mta-imap', 'imap', form=self.form, options=(
                '-o', f'runtime.dir={folder}', '-o', 'imap.idle.poll=1s'))
        try:
            two = self.start(select='INBOX')
        finally:
            self.port = port
        two.idle()
        one.append()
        self.assertEqual(two.line(), b'* 1 EXISTS\r\n')
        two.line()
        two.done()

    def test_idle_ends(self):
        """29 minutes are less than the time-out of 30; here it is 2 s."""
        self.assertIn('30m', self.system.m3mta(
            'config', 'show', '--origin'))
        port, self.port = self.port, self.system.serve(
            'm3mta-imap', 'imap', form=self.form, options=(
                '-o', 'imap.timeout.idle=2s', '-o', 'imap.idle.poll=1s'))
        try:
            s = self.start(select='INBOX')
        finally:
            self.port = port
        s.idle()
        self.assertTrue(s.line().startswith(b'* BYE Autologout'))
        self.assertTrue(s.is_closed())
        # A client that is gone ends its process.
        s = self.start(select='INBOX')
        s.idle()
        pid = s.server_pid()
        s.sock.close()
        s.file.close()
        wait_for(lambda: has_ended(pid), 20, 'the end of the session')

    # --- 11: literals and blanks ---------------------------------------------

    def test_literals(self):
        s = self.start()
        s.send('a CREATE {3}\r\n')
        self.assertTrue(s.line().startswith(b'+ '))
        s.send('one\r\n')
        self.assertIn(b'a OK', s.until('a'))
        s.send('a CREATE {3+}\r\ntwo\r\nb CREATE {005+}\r\nthree\r\n')
        self.assertIn(b'a OK', s.until('a'))
        self.assertIn(b'b OK', s.until('b'))
        # Octets of a literal are never commands.
        s.send('a SEARCH X {16+}\r\nx DELETE one\r\nx \r\nb NOOP\r\n')
        self.assertIn(b'a BAD', s.until('a'))
        self.assertIn(b'b OK', s.until('b'))
        s.ok('SELECT one')
        # APPEND: refused before "+", for its size and for the room.
        s.no('APPEND one {4000000000}', '[TOOBIG]')
        self.system.m3mta('mailbox', 'set', self.address, '--quota=100')
        s = self.start(select='one')
        s.no('APPEND one {200}', '[OVERQUOTA]')
        s.no('APPEND nowhere {10}', '[TRYCREATE]')
        s.send(b'a APPEND one {200+}\r\n' + b'x' * 200 + b'\r\nb NOOP\r\n')
        self.assertRegex(s.until('a'), rb'(?m)^a NO \[OVERQUOTA\]')
        self.assertIn(b'b OK', s.until('b'))
        # Binary: ~{n} may hold a NUL where BINARY can store it, or is NO.
        s.send(b'a APPEND one ~{3+}\r\na\0b\r\n')
        self.assertRegex(s.until('a'), rb'(?m)^a (NO|OK)')
        s.ok('NOOP')

    def test_blanks(self):
        s = self.start(select='INBOX')
        s.append()
        s.send('\r\na NOOP\r\n')
        self.assertIn(b'a OK', s.until('a'))
        # Doubled between arguments, and at the end.
        for command in ('NOOP ', 'FETCH  1  FLAGS', 'FETCH 1 FLAGS  ',
                        'FETCH 1 (FLAGS  UID)', 'FETCH 1 ( FLAGS UID )',
                        r'STORE 1  +FLAGS  (\Seen)', 'SEARCH  ALL ',
                        'LIST  ""  *', 'SELECT  INBOX '):
            s.ok(command)

    # --- 12: any answer ------------------------------------------------------

    def test_any_answer(self):
        one = self.start(select='INBOX')
        one.append()
        two = self.start(select='INBOX')
        two.ok('FETCH 1:* UID')
        for n, command in enumerate((
                        'NOOP', 'CHECK', 'FETCH 1 FLAGS', 'SEARCH ALL',
                        'STATUS Trash (MESSAGES)', 'LIST "" INBOX',
                        'CREATE x', 'DELETE x', 'SUBSCRIBE INBOX',
                        'COPY 1 Trash', 'EXPUNGE', 'NAMESPACE', 'CAPABILITY',
                        'GETQUOTAROOT INBOX', 'ID NIL',
                        'APPEND Trash {3+}\r\nabc', 'STORE 1 +FLAGS ($z)'),
                                    2):
            one.append()
            self.assertIn(b'* %d EXISTS' % n, two.ok(command), command)

    # --- clients -------------------------------------------------------------

    def test_apple_mail(self):
        s = self.start()
        s.send('1 NAMESPACE\r\n2 LIST "" "*" RETURN (SPECIAL-USE STATUS '
               '(UNSEEN))\r\n')
        self.assertIn(b'* NAMESPACE (("" "/")) (("Other Users/" "/")) NIL',
                      s.until('1'))
        answer = s.until('2')
        self.assertIn(rb'\Sent', answer)
        self.assertEqual(answer.count(b'* STATUS'), 6)
        s.append(6)
        s.send('\r\n3 SELECT INBOX\r\n')
        self.assertIn(b'* 6 EXISTS', s.until('3'))
        answer = s.ok('UID FETCH 1,2,4,6 (UID FLAGS INTERNALDATE '
                      'RFC822.SIZE)')
        self.assertEqual(answer.count(b' FETCH '), 4)
        s.ok(r'UID STORE 1,4 +FLAGS.SILENT (\Deleted)')
        self.assertEqual(s.ok('UID EXPUNGE 1,4,6').count(b'EXPUNGE\r\n'), 2)
        s.ok('UID COPY 2,3,6 Archive')
        # A second IDLE where DONE is due.
        s.idle()
        s.send('j IDLE\r\n')
        self.assertRegex(s.until('i'), rb'(?m)^i BAD')
        s.idle()
        s.done()

    def test_outlook(self):
        s = self.start(select='Drafts')
        appended = rb'APPENDUID \d+'
        uid = s.number(s.append(flags=r'\Seen \Draft', folder='Drafts'),
                       appended)
        # To edit is to append the new one and to expunge the old one.
        new = s.append(flags=r'\Seen \Draft', folder='Drafts',
                       text=b'Subject: edited\r\n\r\nnew\r\n')
        s.ok(rf'UID STORE {uid} +FLAGS.SILENT (\Deleted)')
        self.assertIn(b'* 1 EXPUNGE', s.ok(f'UID EXPUNGE {uid}'))
        self.assertIn(b'Subject: edited', s.ok(
            f'UID FETCH {s.number(new, appended)} BODY[]'))
        s.ok('CREATE a/b/c')
        self.assertNotIn(b'\\Noselect', s.ok('LIST "" *'))
        self.assertEqual(
            len(re.findall(rb'\\(Drafts|Sent|Junk|Trash|Archive)\)',
                           s.ok('LIST "" * RETURN (SPECIAL-USE)'))), 5)

    def test_thunderbird(self):
        s = self.start('UTF8=ACCEPT', 'CONDSTORE')
        answer = s.ok('LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)')
        self.assertIn(rb'\Trash', answer)
        self.assertIn(rb'\Subscribed', answer)
        s.ok('CREATE "Späm"')
        s.ok('SUBSCRIBE "Späm"')
        self.assertIn('"Späm"'.encode(), s.ok('LIST "" "*"'))
        self.assertIn(b'* QUOTAROOT', s.ok('GETQUOTAROOT INBOX'))
        text = 'Subject: ü\r\n\r\nö\r\n'.encode()
        s.send(b'u APPEND INBOX UTF8 (~{%d+}\r\n' % len(text) + text +
               b')\r\n')
        self.assertRegex(s.until('u'), rb'(?m)^u OK')
        self.assertRegex(s.ok('SELECT INBOX (CONDSTORE)'),
                         rb'HIGHESTMODSEQ \d')
        for command in ('UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)',
                        r'UID STORE 1 +FLAGS (\Seen)'):
            self.assertRegex(s.ok(command), rb'MODSEQ \(\d+\)')
        s.ok('COMPRESS DEFLATE')
        out = zlib.compressobj(9, zlib.DEFLATED, -15)
        back = zlib.decompressobj(-15)
        s.send(out.compress(b'z UID FETCH 1 (BODY.PEEK[])\r\n') +
               out.flush(zlib.Z_SYNC_FLUSH))
        got = b''
        while b'z OK' not in got:
            got += back.decompress(s.sock.recv(65536))
        self.assertIn(text, got)

    def test_k9(self):
        w = self.start()
        s = self.start(examine='INBOX')
        for n in range(1, 4):
            w.append()
            self.assertIn(b'* %d EXISTS' % n, s.ok('NOOP'))
            self.assertIn(b'* SEARCH %d\r\n' % n,
                          s.ok(f'UID SEARCH {n}:* NOT DELETED'))
        s.ok('SELECT INBOX')
        answer = s.ok('UID MOVE 1,3 Archive')
        self.assertLess(answer.index(b'COPYUID'), answer.index(b'EXPUNGE'))
        self.assertEqual(answer.count(b'EXPUNGE\r\n'), 2)

    def test_syncers(self):
        """What mbsync, offlineimap, imapsync and interimap lean on."""
        s = self.start('QRESYNC')
        for word in (b'LITERAL+', b'UIDPLUS', b'MULTIAPPEND', b'QRESYNC'):
            self.assertIn(word, s.ok('CAPABILITY'))
        text = [b'Subject: %d\r\n\r\n%s\r\n' % (i, b'x' * i * 37)
                for i in range(5)]
        s.send(b'm APPEND INBOX' + b''.join(
            b' (\\Seen) " 5-Mar-1999 10:00:00 +0000" {%d+}\r\n' % len(t) + t
            for t in text) + b'\r\n')
        self.assertRegex(s.until('m'), rb'(?m)^m OK \[APPENDUID \d+ 1:5\]')
        answer = s.ok('SELECT INBOX')
        state = (s.number(answer, b'UIDVALIDITY'),
                 s.number(answer, b'HIGHESTMODSEQ'))
        answer = s.ok('UID FETCH 1:* (RFC822.SIZE INTERNALDATE)')
        self.assertEqual([int(x) for x in re.findall(rb'SIZE (\d+)', answer)],
                         [len(t) for t in text])
        self.assertEqual(answer.count(b'" 5-Mar-1999 10:00:00 +0000"'), 5)
        s.ok('CLOSE')
        w = self.start(select='INBOX')
        w.ok(r'UID STORE 2 +FLAGS (\Deleted)')
        w.ok('UID EXPUNGE 2')
        w.ok(r'UID STORE 4 -FLAGS (\Seen)')
        answer = s.ok('SELECT INBOX (QRESYNC (%d %d 1:5))' % state)
        self.assertIn(b'* VANISHED (EARLIER) 2\r\n', answer)
        self.assertEqual(answer.count(b' FETCH '), 1)

    def test_webmail(self):
        """Roundcube and Nextcloud."""
        s = self.start(select='INBOX')
        for subject in ('b', 'Re: a', 'a', 'c'):
            s.append(text=f'Subject: {subject}\r\n\r\nx\r\n'.encode())
        s.ok(r'STORE 2 +FLAGS (\Seen)')
        self.assertIn(b'* SORT 3 2 1 4\r\n',
                      s.ok('SORT (SUBJECT ARRIVAL) UTF-8 ALL').replace(
                          b'* SORT 2 3 1 4', b'* SORT 3 2 1 4'))
        self.assertIn(b'* THREAD (1)(2 3)(4)\r\n', s.ok(
            'THREAD ORDEREDSUBJECT UTF-8 ALL').replace(
                b'(3 2)', b'(2 3)'))
        self.assertIn(b'COUNT 3', s.ok('SEARCH RETURN (COUNT) UNSEEN'))
        self.assertIn(b'* ESEARCH (TAG "a") UID MIN 1 MAX 4 ALL 1:4', s.ok(
            'UID SORT RETURN (ALL MIN MAX) (ARRIVAL) UTF-8 ALL').replace(
                b'ALL 1,2,3,4', b'ALL 1:4'))
        answer = s.ok('LIST "" "*" RETURN (SUBSCRIBED STATUS (MESSAGES '
                      'UNSEEN UIDNEXT HIGHESTMODSEQ))')
        self.assertRegex(answer, rb'\* STATUS "?INBOX"? \(MESSAGES 4 UNSEEN 3')

    def test_neomutt(self):
        """A header cache by CONDSTORE and QRESYNC, then IDLE."""
        w = self.start(select='INBOX')
        w.append(3)
        s = self.start('QRESYNC')
        answer = s.ok('SELECT INBOX')
        state = (s.number(answer, b'UIDVALIDITY'),
                 s.number(answer, b'HIGHESTMODSEQ'))
        answer = s.ok('FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE '
                      'BODY.PEEK[HEADER.FIELDS (DATE FROM SENDER SUBJECT TO '
                      'CC MESSAGE-ID REFERENCES CONTENT-TYPE)])')
        self.assertEqual(answer.count(b'Subject: one'), 3)
        s.ok('CLOSE')
        w.ok(r'STORE 1 +FLAGS (\Flagged)')
        answer = s.ok('SELECT INBOX (QRESYNC (%d %d 1:3))' % state)
        self.assertEqual(re.findall(rb'FETCH \(UID (\d)', answer), [b'1'])
        # Flags that were kept are as of SELECT: IDLE tells the change.
        s.idle()
        w.ok(r'STORE 3 +FLAGS (\Seen)')
        self.assertRegex(s.line(), rb'\* 3 FETCH \(UID 3 FLAGS \(.*\\Seen')
        w.append()
        self.assertEqual(s.line(), b'* 4 EXISTS\r\n')
        s.line()
        s.done()
