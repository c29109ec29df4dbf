"""What a client may write, and what only looks like it: atoms, sets,
literals, flags, names; and capabilities that the configuration hides."""
import re
import unittest

from imap_cases import MESSAGE, CaseTest, Session


class Grammar(CaseTest):
    form = 'fork'

    def pieces(self, s, *pieces):
        """A command with literals that wait for '+'."""
        for i, piece in enumerate(pieces):
            s.send(piece + '\r\n')
            if i + 1 < len(pieces):
                self.assertTrue(s.line().startswith(b'+ '), piece)
        return s.until('a')

    # --- atoms and literals -----------------------------------------------

    def test_a_bracket_is_an_atom_char(self):
        s = self.start()
        s.ok('CREATE a[b')
        s.ok('CREATE c]d')
        self.assertIn(b'"a[b"', s.ok('LIST "" *[*'))
        s.ok('SELECT a[b')
        s.append(text=b'Subject: a[b\r\n\r\nx\r\n', folder='a[b')
        s.ok('NOOP')
        self.assertEqual(s.search('SUBJECT a[b'), '1')
        self.assertEqual(s.search('SUBJECT BODY[x'), '')
        # Two arguments, not one.
        s.bad('SELECT a[b c]d')

    def test_a_field_name_may_be_a_literal(self):
        s = self.start(select='INBOX')
        s.append()
        for names, label in (
                (('FETCH 1 BODY.PEEK[HEADER.FIELDS ({7}', 'Subject)]'),
                 b'(Subject)'),
                (('FETCH 1 (BODY.PEEK[HEADER.FIELDS (to {7}',
                  'Subject {4}', 'X-(])]<0.30> UID)'),
                 b'(to Subject "X-(]")')):
            answer = self.pieces(s, 'a ' + names[0], *names[1:])
            self.assertIn(b'a OK', answer)
            self.assertIn(b'BODY[HEADER.FIELDS ' + label, answer)
            self.assertIn(b'Subject: one\r\n', answer)
        for wrong in ('a b', 'a:b'):
            self.assertIn(b'a BAD', self.pieces(
                s, f'a FETCH 1 BODY[HEADER.FIELDS ({{{len(wrong)}}}',
                wrong + ')]'))
        self.assertIn(b'BODY[HEADER.FIELDS ("Subject")] {',
                      s.ok('FETCH 1 BODY[HEADER.FIELDS ("Subject")]'))

    def test_a_literal_has_a_number(self):
        s = self.start()
        self.assertIn(b'a OK', self.pieces(s, 'a CREATE {003}', 'one'))
        s.send('a CREATE {0003+}\r\ntwo\r\n')
        self.assertIn(b'a OK', s.until('a'))
        # Nobody knows what follows "{5-}": it ends the session.
        s.send('a CREATE {5-}\r\nthree\r\n')
        self.assertRegex(s.file.read(), rb'^a BAD .*\r\n\* BYE ')
        self.assertNotIn(b'three', self.start().ok('LIST "" *'))

    def test_utf8_is_taken_before_enable(self):
        s = self.start()
        s.send('a CREATE "Caf\u00e8"\r\n'.encode())
        self.assertIn(b'a OK', s.until('a'))
        self.assertIn(b'"Caf&AOg-"', s.ok('LIST "" *'))
        s.send('a STATUS "Caf\u00e8" (MESSAGES)\r\n'.encode())
        self.assertIn(b'a OK', s.until('a'))
        s.ok('DELETE "Caf&AOg-"')
        s.send(b'a CREATE "Caf\xe8"\r\n')
        self.assertIn(b'a BAD', s.until('a'))

    def test_id_of_its_full_size_before_the_login(self):
        d = self.dialog(None, port=self.port)
        d.line()
        pairs = ' '.join(f'"{"f" * 26}{i:04}" "{"v" * 1024}"'
                         for i in range(30))
        self.assertIn(b'a OK', d.imap('a', f'ID ({pairs})'))

    # --- what is no set, no flag, no item ---------------------------------

    def test_what_the_grammar_has_not_is_bad(self):
        s = self.start(select='INBOX')
        s.append(2)
        for command in ('FETCH "1" FLAGS', 'UID FETCH "1" FLAGS',
                        'STORE "1" +FLAGS (\\Seen)', 'COPY "1" Trash',
                        'UID EXPUNGE "1"', 'SEARCH UID "1"',
                        'FETCH 1 (ALL)', 'FETCH 1 (UID FAST)',
                        'ENABLE (QRESYNC)', 'ENABLE "QRESYNC"',
                        'SEARCH MODSEQ "/flags/\\\\seen" bar 1',
                        'STORE 1 +FLAGS (\\Recent)',
                        'STORE 1 FLAGS \\Recent'):
            s.bad(command)
        s.bad(f'APPEND INBOX (\\Recent) {{{len(MESSAGE)}+}}\r\n' +
              MESSAGE.decode())
        s.ok('ENABLE CONDSTORE')
        self.assertEqual(s.search('MODSEQ "/flags/\\\\seen" all 1'),
                         '1 2 (MODSEQ 3)')
        self.assertIn(b'MESSAGES 2', s.ok('STATUS INBOX (MESSAGES)'))

    def test_a_search_that_ends_with_no_saves_nothing(self):
        s = self.start(select='INBOX')
        s.append(3)
        for command in ('SEARCH RETURN (SAVE) CHARSET X-NONE ALL',
                        'UID SORT RETURN (SAVE) (SIZE) X-NONE ALL'):
            s.ok('SEARCH RETURN (SAVE) 1:2')
            self.assertEqual(s.ok('FETCH $ (UID)').count(b' FETCH '), 2)
            s.no(command, '[BADCHARSET')
            self.assertEqual(s.ok('FETCH $ (UID)').count(b' FETCH '), 0)
        s.ok('SEARCH RETURN (SAVE) 1:2')
        s.bad('SEARCH RETURN (SAVE) FOO')
        self.assertEqual(s.ok('FETCH $ (UID)').count(b' FETCH '), 2)

    # --- parts ------------------------------------------------------------

    def test_only_a_message_has_a_header(self):
        s = self.start(select='INBOX')
        s.append()
        for item in ('HEADER', 'TEXT', 'HEADER.FIELDS (Subject)'):
            self.assertIn(f'BODY[1.{item}] NIL'.encode(),
                          s.ok(f'FETCH 1 BODY.PEEK[1.{item}]'))
        self.assertIn(b'BODY[1] {', s.ok('FETCH 1 BODY.PEEK[1]'))
        self.assertIn(b'BODY[1.MIME] {', s.ok('FETCH 1 BODY.PEEK[1.MIME]'))

    def test_message_global_is_simple_before_enable(self):
        text = ('Subject: out\r\nContent-Type: message/global\r\n\r\n'
                'Subject: Gr\u00f6\u00dfe\r\n\r\nx\r\n').encode()
        s = self.start(select='INBOX')
        s.append(text=text)
        for item in ('BODY', 'BODYSTRUCTURE'):
            answer = s.ok(f'FETCH 1 {item}')
            self.assertRegex(answer, rb'\("message" "global" NIL NIL NIL '
                                     rb'"\dbit" \d+( NIL NIL NIL NIL)?\)\)')
            self.assertTrue(answer.isascii())
        s = self.start('UTF8=ACCEPT', select='INBOX')
        self.assertIn('Gr\u00f6\u00dfe'.encode(), s.ok('FETCH 1 BODY'))

    # --- ids and dates of messages ----------------------------------------

    def test_emailid_mailboxid_savedate(self):
        s = self.start()
        mailbox = re.search(rb'MAILBOXID \((\w+)\)',
                            s.ok('SELECT INBOX'))[1].decode()
        self.assertIn(f'MAILBOXID ({mailbox})'.encode(),
                      s.ok('STATUS INBOX (MAILBOXID)'))
        s.append(1, text=b'Subject: one\r\n\r\nx\r\n')
        s.append(1, text=b'Subject: two\r\n\r\nx\r\n')
        answer = s.ok('FETCH 1:2 (EMAILID THREADID SAVEDATE)')
        ids = [x.decode() for x in re.findall(rb'EMAILID \((\w+)\)', answer)]
        self.assertEqual(len(set(ids)), 2)
        self.assertEqual(answer.count(b'THREADID NIL'), 2)
        self.assertEqual(len(re.findall(
            rb'SAVEDATE "[ \d]\d-\w{3}-\d{4} \d\d:\d\d:\d\d \+0000"',
            answer)), 2)
        self.assertEqual(s.search(f'EMAILID {ids[1]}'), '2')
        self.assertEqual(s.search(f'NOT EMAILID {ids[1]}'), '1')
        self.assertEqual(s.search('EMAILID M000000000000000000000000'), '')
        # It stays with the octets: a copy and a moved message have it.
        s.ok('COPY 1 Archive')
        s.ok('MOVE 2 Archive')
        s.ok('SELECT Archive')
        self.assertEqual(s.search(f'EMAILID {ids[0]}'), '1')
        self.assertEqual(s.search(f'EMAILID {ids[1]}'), '2')

    # --- pages ------------------------------------------------------------

    def fill(self, s, n):
        for at in range(0, n, 100):
            texts = [f'Subject: {i}\r\n\r\nbody {i}\r\n'
                     for i in range(at + 1, at + 101)]
            s.send('p APPEND INBOX' + ''.join(
                f' {{{len(t)}+}}\r\n{t}' for t in texts) + '\r\n')
            self.assertIn(b'p OK', s.until('p'))

    def test_pages_are_merged_and_an_entry_is_found_in_a_page(self):
        s = self.start(select='INBOX')
        self.fill(s, 700)
        s.ok('CREATE Cat')
        answer = s.ok('APPEND Cat CATENATE (URL "/INBOX/;UID=1" '
                      'URL "/INBOX/;UID=300/;SECTION=TEXT")')
        self.assertIn(b'[APPENDUID', answer)
        owner = self.system.db.mailboxes.find_one(
            {'_id': self.address})['owner']
        before = self.system.db.pages.count_documents({'owner': owner})
        # The second page under a quarter goes to the first, then the third,
        # the only one that is read, to what is before it.
        for uids in ('1:150,170:480', '513:690'):
            s.ok(f'UID STORE {uids} +FLAGS.SILENT (\\Deleted)')
            s.ok('EXPUNGE')
            self.system.verify()
            after = self.system.db.pages.count_documents({'owner': owner})
            self.assertLess(after, before)
            before = after
        uids = [*range(151, 170), *range(481, 513), *range(691, 701)]
        for r in (s, self.start(select='INBOX')):
            found = re.findall(rb'UID (\d+)', r.ok('UID FETCH 1:* (FLAGS)'))
            self.assertEqual([int(u) for u in found], uids)
            self.assertEqual(len(r.search('UNSEEN').split()), len(uids))
        s.ok('UID STORE 151,500,700 +FLAGS.SILENT (\\Seen)')
        self.assertEqual(len(s.search('UNSEEN').split()), len(uids) - 3)
        self.assertIn(b'UNSEEN %d' % (len(uids) - 3),
                      self.start().ok('STATUS INBOX (UNSEEN)'))
        s.ok('SELECT Cat')
        answer = s.ok('FETCH 1 BODY[]')
        self.assertIn(b'Subject: 1\r\n\r\nbody 1\r\nbody 300\r\n', answer)


class Hidden(CaseTest):
    form = 'fork'

    def open(self, hide=None):
        port, self.port = self.port, self.port
        if hide is not None:
            self.port = self.system.serve(
                'm3mta-imap', 'imap', form=self.form,
                options=('-o', f'imap.capabilities.hide={hide}'))
        try:
            return Session(self)
        finally:
            self.port = port

    def test_uidonly_is_hidden(self):
        s = self.open()
        self.assertNotIn(b'UIDONLY', s.ok('CAPABILITY'))
        self.assertIn(b'* ENABLED\r\n', s.ok('ENABLE UIDONLY'))
        s.ok('SELECT INBOX')
        s.append()
        self.assertIn(b'* 1 FETCH', s.ok('FETCH 1 FLAGS'))

    def test_what_is_hidden_is_not_enabled_either(self):
        s = self.open('QRESYNC,condstore,IDLE,AUTH=PLAIN')
        answer = s.ok('CAPABILITY')
        for word in (b'QRESYNC', b'CONDSTORE', b'IDLE'):
            self.assertNotIn(b' ' + word, answer)
        self.assertIn(b' UIDONLY', answer)
        self.assertIn(b'* ENABLED UIDONLY\r\n',
                      s.ok('ENABLE QRESYNC CONDSTORE UIDONLY'))
        s.bad('SELECT INBOX (QRESYNC (1 1))')

    def test_for_one_mailbox(self):
        self.system.add_mailbox('other@example.org')
        s = self.open(f'{self.address}:UIDONLY')
        self.assertNotIn(b'UIDONLY', s.ok('CAPABILITY'))
        self.address = 'other@example.org'
        s = self.open(f'{self._testMethodName}@example.org:UIDONLY')
        self.assertIn(b'UIDONLY', s.ok('CAPABILITY'))


if __name__ == '__main__':
    unittest.main()
