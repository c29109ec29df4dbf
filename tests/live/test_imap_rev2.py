"""UIDBATCHES, and what an audit of IMAP4rev2 and the extensions found."""
import re
import unittest

from harness import LiveTest


class ImapTest(LiveTest):
    # Nothing is hidden.
    settings = {'imap__capabilities__hide': []}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        self.address = f'u{self._testMethodName}@example.org'
        self.system.add_mailbox(self.address)

    def session(self, *enable, select=None):
        d = self.dialog('m3mta-imap', '--preauth', self.address)
        d.line()
        if enable:
            self.ok(d, 'ENABLE ' + ' '.join(enable))
        if select:
            self.ok(d, f'SELECT {select}')
        return d

    def ok(self, d, command):
        text = d.imap('a', command)
        self.assertIn(b'\na OK', b'\n' + text, command)
        return text

    def append(self, d, *texts, box='INBOX', flags=''):
        flags = f' ({flags})' if flags else ''
        self.ok(d, f'APPEND {box}' + ''.join(
            f'{flags} {{{len(t)}+}}\r\n{t}' for t in texts))

    def fill(self, d, n, box='INBOX', flags=''):
        while n > 0:
            self.append(d, *['Subject: x\r\n\r\nx\r\n'] * min(n, 1000),
                        box=box, flags=flags)
            n -= 1000


class Batches(ImapTest):
    def batches(self, d, command):
        """The ranges, each as (high, low)."""
        text = self.ok(d, command)
        line = re.search(rb'^\* UIDBATCHES \(TAG "a"\)( .*)?\r$', text, re.M)
        self.assertTrue(line, text)
        return [tuple(map(int, r.split(b':')))
                for r in (line.group(1) or b'').split(b',') if r.strip()]

    def test_batches(self):
        d = self.session(select='INBOX')
        self.assertIn(b' UIDBATCHES ', self.ok(d, 'CAPABILITY'))
        self.assertEqual(self.batches(d, 'UIDBATCHES 500'), [])
        self.fill(d, 1720)
        self.ok(d, 'UID STORE 1,100:119,1720 +FLAGS.SILENT (\\Deleted)')
        self.ok(d, 'EXPUNGE')
        uids = [u for u in range(2, 1720) if not 100 <= u < 120]
        all_of = self.batches(d, 'UIDBATCHES 500')
        self.check(all_of, uids, 500)
        self.assertEqual(len(all_of), 4)
        self.assertEqual(self.batches(d, 'UIDBATCHES 500 1:1'), all_of[:1])
        self.assertEqual(self.batches(d, 'UIDBATCHES 500 2:3'), all_of[1:3])
        self.assertEqual(self.batches(d, 'uidbatches 500 4:9'), all_of[3:])
        self.assertEqual(self.batches(d, 'UIDBATCHES 500 5:9'), [])
        self.assertEqual(self.batches(d, 'UIDBATCHES 1698'), [(1719, 1)])
        self.assertEqual(self.batches(d, 'UIDBATCHES 4294967295'),
                         [(1719, 1)])
        self.check(self.batches(d, 'UIDBATCHES 849'), uids, 849)

    def check(self, ranges, uids, size):
        """Descending, one touching the other, each of that size."""
        self.assertEqual(ranges[0][0], uids[-1])
        self.assertEqual(ranges[-1][1], 1)
        for before, after in zip(ranges, ranges[1:]):
            self.assertEqual(after[0], before[1] - 1)
        sizes = [sum(lo <= u <= hi for u in uids) for hi, lo in ranges]
        self.assertEqual(sum(sizes), len(uids))
        self.assertEqual(set(sizes[:-1]) - {size}, set())
        self.assertLessEqual(sizes[-1], size)

    def test_refused(self):
        d = self.session()
        self.assertIn(b'a BAD', d.imap('a', 'UIDBATCHES 500'))
        self.ok(d, 'SELECT INBOX')
        for command, answer in (
                ('UIDBATCHES 499', b'NO [TOOFEW]'),
                ('UIDBATCHES 500 1:201', b'NO [TOOMANY]'),
                ('UIDBATCHES 2000 1:100', b'NO [TOOMANY]'),
                ('UIDBATCHES 2000 4:1', b'BAD [CLIENTBUG]'),
                ('UIDBATCHES', b'BAD'), ('UIDBATCHES x', b'BAD'),
                ('UIDBATCHES 0', b'BAD'), ('UIDBATCHES 500 3', b'BAD'),
                ('UIDBATCHES 500 3:', b'BAD'), ('UIDBATCHES 500 0:3', b'BAD'),
                ('UIDBATCHES 500 1:*', b'BAD'),
                ('UIDBATCHES 500 1:2 x', b'BAD'),
                ('UIDBATCHES 4294967296', b'BAD'),
                ('UID UIDBATCHES 500', b'BAD')):
            text = d.imap('a', command)
            self.assertTrue(text.startswith(b'a ' + answer), (command, text))

    def test_saved_result_stays_and_uidonly(self):
        d = self.session('UIDONLY', select='INBOX')
        self.fill(d, 3)
        self.ok(d, 'UID SEARCH RETURN (SAVE) UID 2')
        self.assertEqual(self.batches(d, 'UIDBATCHES 500'), [(3, 1)])
        self.assertIn(b'* 2 UIDFETCH', self.ok(d, 'UID FETCH $ FLAGS'))

    def test_asked_too_often(self):
        d = self.session(select='INBOX')
        self.fill(d, 10)
        for _ in range(100):
            self.assertEqual(self.batches(d, 'UIDBATCHES 500'), [(10, 1)])
        self.assertIn(b'a NO [LIMIT]', d.imap('a', 'UIDBATCHES 500'))
        self.fill(d, 251)
        self.assertEqual(self.batches(d, 'UIDBATCHES 500'), [(261, 1)])


class FirstUnseen(ImapTest):
    """OK [UNSEEN n] of SELECT, against what SEARCH UNSEEN says."""

    def check(self, command='SELECT INBOX'):
        d = self.session()
        text = self.ok(d, command)
        found = re.search(rb'\* OK \[UNSEEN (\d+)\]', text)
        first = self.ok(d, 'SEARCH UNSEEN').split(b'\r\n')[0].split()[2:3]
        self.assertEqual([found.group(1)] if found else [], first)
        return int(found.group(1)) if found else 0

    def test_first_unseen(self):
        d = self.session(select='INBOX')
        self.assertEqual(self.check(), 0)
        self.append(d, 'a', 'b', 'c')
        self.assertEqual(self.check(), 1)
        self.ok(d, 'STORE 1:2 +FLAGS.SILENT (\\Seen)')
        self.assertEqual(self.check(), 3)
        self.ok(d, 'STORE 1:* +FLAGS.SILENT (\\Seen $k)')
        self.assertEqual(self.check(), 0)
        # Pages: 256 messages each, then the tail.
        self.fill(d, 900)
        for seen, want in (('1:300', 301), ('301:600', 601), ('601:899', 900),
                           ('900:903', 0)):
            self.ok(d, f'STORE {seen} +FLAGS.SILENT (\\Seen)')
            self.assertEqual(self.check(), want or 0)
            self.system.verify()
        self.append(d, 'new')
        self.assertEqual(self.check('EXAMINE INBOX'), 904)
        self.ok(d, 'STORE 700 -FLAGS.SILENT (\\Seen)')
        self.assertEqual(self.check(), 700)
        self.ok(d, 'STORE 5,100:400 +FLAGS.SILENT (\\Deleted)')
        self.ok(d, 'EXPUNGE')
        self.assertEqual(self.check(), 700 - 302)
        self.ok(d, 'STORE 2 -FLAGS.SILENT (\\Seen)')
        self.assertEqual(self.check(), 2)
        self.ok(d, 'MOVE 2 Archive')
        self.assertEqual(self.check(), 397)
        self.system.verify()

    def test_not_in_rev2_and_uidonly(self):
        """RFC 9051 has it no more; it is a sequence number (RFC 9586 3)."""
        for extension in ('IMAP4rev2', 'UIDONLY'):
            d = self.session(extension)
            self.append(d, 'a')
            self.assertNotIn(b'[UNSEEN', self.ok(d, 'SELECT INBOX'))

    def test_round_trips(self):
        """Two for each SELECT, whatever the folder's size."""
        d = self.session(select='INBOX')
        self.fill(d, 900)
        self.ok(d, 'STORE 1:300 +FLAGS.SILENT (\\Seen)')
        self.ok(d, 'UNSELECT')
        self.append(d, 'new')
        db = self.system.db
        for _ in range(2):
            db.command('profile', 2, filter={'appName': 'm3mta-imap'})
            try:
                text = self.ok(d, 'SELECT INBOX')
            finally:
                db.command('profile', 0)
            self.assertIn(b'[UNSEEN 301]', text)
            ops = list(db['system.profile'].find())
            self.assertLessEqual(len(ops), 2, ops)
            # No page is read, only keys of the index.
            self.assertLessEqual(max(o['docsExamined'] for o in ops), 1, ops)
            db['system.profile'].drop()
            self.ok(d, 'UNSELECT')


class Progress(ImapTest):
    settings = {'imap__progress__interval': '0'}

    def steps(self, text, tag=b'"a"'):
        """What INPROGRESS told, checked against RFC 9585."""
        lines = re.findall(rb'^\* OK \[INPROGRESS \(%s (\w+) (\w+)\)\] '
                           rb'.*\r$' % tag, text, re.M)
        self.assertEqual(len(lines), text.count(b'INPROGRESS'), text[-300:])
        self.assertNotIn(b'INPROGRESS', text.split(b'\r\n')[-2])
        return [(int(n), int(m)) for n, m in lines if n != b'NIL']

    def check(self, text, goal):
        steps = self.steps(text)
        self.assertTrue(steps, text[-300:])
        self.assertEqual({m for _, m in steps}, {goal})
        self.assertEqual(steps, sorted(steps))
        self.assertLess(steps[-1][0], goal)

    def test_long_commands(self):
        d = self.session(select='INBOX')
        self.assertIn(b' INPROGRESS ', self.ok(d, 'CAPABILITY'))
        self.fill(d, 1100)
        for command in ('SEARCH BODY nothing', 'SEARCH SUBJECT nothing',
                        'FETCH 1:* (ENVELOPE)', 'FETCH 1:* (BODY.PEEK[])',
                        'COPY 1:* Archive'):
            with self.subTest(command=command):
                self.check(self.ok(d, command), 1100)
        text = self.ok(d, 'SORT (SUBJECT) UTF-8 ALL')
        self.check(text, 1100)
        self.assertEqual(text.count(b'\n* SORT '), 1)
        self.check(self.ok(d, 'THREAD REFERENCES UTF-8 ALL'), 1100)
        d.send('x] SEARCH BODY nothing\r\n')
        self.assertTrue(self.steps(d.until('x]'), b'NIL'))

    def test_waiting_for_another_writer(self):
        """STORE meets a transaction that holds the folder."""
        d = self.session(select='INBOX')
        self.fill(d, 1)
        folders = self.system.db.folders
        inbox = folders.find_one({'name': 'INBOX', 'exists': 1})
        with self.system.client.start_session() as other:
            with other.start_transaction():
                folders.update_one({'_id': inbox['_id']},
                                   {'$set': {'held': 1}}, session=other)
                d.send('a STORE 1 +FLAGS (\\Flagged)\r\n')
                self.assertEqual(d.line().split(b']')[0],
                                 b'* OK [INPROGRESS ("a" NIL NIL)')
                other.abort_transaction()
        self.assertIn(b'\na OK', d.until('a'))


class NoProgress(ImapTest):
    def test_short_commands_tell_nothing(self):
        d = self.session(select='INBOX')
        self.fill(d, 300)
        self.assertNotIn(b'INPROGRESS', self.ok(d, 'SEARCH BODY nothing'))


class Audit(ImapTest):
    """One test for each gap that reading the RFCs against the server found."""

    def bad(self, d, command, code=b''):
        text = d.imap('a', command)
        self.assertTrue(text.startswith(b'a BAD ' + code), text)

    def test_status_appendlimit(self):
        """RFC 7889 4."""
        d = self.session()
        self.assertIn(b'(APPENDLIMIT 67108864)',
                      self.ok(d, 'STATUS INBOX (APPENDLIMIT)'))
        self.assertIn(b'(MESSAGES 0 APPENDLIMIT 67108864)', self.ok(
            d, 'LIST "" INBOX RETURN (STATUS (MESSAGES APPENDLIMIT))'))

    def test_list_status_of_an_unknown_item(self):
        """RFC 5819: as STATUS; it was left out without a word."""
        d = self.session()
        for items in ('FOO', 'MESSAGES FOO', ''):
            self.bad(d, f'LIST "" * RETURN (STATUS ({items}))')
            self.bad(d, f'STATUS INBOX ({items})')

    def test_search_keys(self):
        """SAVEDATESUPPORTED (RFC 8514), THREADID (RFC 8474), WITHIN."""
        d = self.session(select='INBOX')
        self.fill(d, 2)
        for key, want in (('SAVEDATESUPPORTED', b' 1 2'), ('THREADID x', b''),
                          ('NOT THREADID x', b' 1 2'),
                          ('OR THREADID x 2', b' 2')):
            self.assertEqual(self.ok(d, f'SEARCH {key}').split(b'\r\n')[0],
                             b'* SEARCH' + want, key)
        for key in ('OLDER 0', 'YOUNGER 0', 'THREADID', 'OLDER x'):
            self.bad(d, f'SEARCH {key}')

    def test_preview_lazy_without_a_list(self):
        """RFC 8970 3.2: the modifier stands behind the item."""
        d = self.session(select='INBOX')
        self.fill(d, 1)
        self.assertIn(b'* 1 FETCH (PREVIEW "x")',
                      self.ok(d, 'FETCH 1 PREVIEW (LAZY)'))
        self.assertRegex(self.ok(d, 'FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 1)'),
                         rb'PREVIEW "x"')
        self.ok(d, 'FETCH 1 (PREVIEW (LAZY) UID)')
        for item in ('FLAGS (LAZY)', 'PREVIEW (FOO)', 'PREVIEW ()',
                     '(PREVIEW (FOO))', '(UID (LAZY))'):
            self.bad(d, f'FETCH 1 {item}')

    def test_modseq_of_the_ends(self):
        """RFC 4731 3.2: with MIN and MAX only, that of those messages."""
        d = self.session('CONDSTORE', select='INBOX')
        self.fill(d, 5)
        seq = {}
        for n in (3, 1, 5, 2, 4):
            self.ok(d, f'STORE {n} +FLAGS (\\Flagged)')
        for m in re.finditer(rb'\* (\d) FETCH \(MODSEQ \((\d+)\)\)',
                             self.ok(d, 'FETCH 1:* MODSEQ')):
            seq[int(m.group(1))] = int(m.group(2))
        for options, want in (('MIN', seq[1]), ('MAX', seq[5]),
                              ('MIN MAX', seq[5]), ('MIN COUNT', seq[4]),
                              ('ALL', seq[4]), ('', seq[4])):
            text = self.ok(d, f'SEARCH RETURN ({options}) MODSEQ 1')
            self.assertIn(b' MODSEQ %d\r\n' % want, text, options)

    def test_partial(self):
        """RFC 9394 3.1, 3.2: one PARTIAL, and what SAVE keeps with it."""
        d = self.session(select='INBOX')
        self.fill(d, 9)
        self.bad(d, 'SEARCH RETURN (PARTIAL 1:2 PARTIAL 2:3) ALL')
        for options, want in (
                ('PARTIAL 2:3', '2 3'), ('PARTIAL -1:-2', '8 9'),
                ('PARTIAL 2:3 MIN', '1 2 3'), ('PARTIAL 2:3 MAX', '2 3 9'),
                ('PARTIAL 4:5 MIN MAX', '1 4 5 9'), ('PARTIAL 20:30', ''),
                ('PARTIAL 2:3 COUNT', '1 2 3 4 5 6 7 8 9'),
                ('PARTIAL 1:2 MIN', '1 2'), ('MIN MAX', '1 9'),
                ('MIN COUNT', '1 2 3 4 5 6 7 8 9')):
            self.ok(d, f'SEARCH RETURN (SAVE {options}) ALL')
            self.assertEqual(self.ok(d, 'SEARCH $').split(b'\r\n')[0],
                             f'* SEARCH {want}'.strip().encode(), options)

    def test_charset_in_rev2(self):
        """RFC 9051 6.4.4: UTF-8 and US-ASCII must be taken."""
        d = self.session('IMAP4rev2', select='INBOX')
        self.fill(d, 1)
        for charset in ('UTF-8', 'US-ASCII'):
            self.assertIn(b' ALL 1\r\n', self.ok(
                d, f'SEARCH CHARSET {charset} SUBJECT x'))
        self.assertIn(b'a NO [BADCHARSET', d.imap(
            'a', 'SEARCH CHARSET NONE SUBJECT x'))
        d = self.session('UTF8=ACCEPT', select='INBOX')  # RFC 6855 3
        self.bad(d, 'SEARCH CHARSET UTF-8 SUBJECT x')

    def test_parents_without_need(self):
        """RFC 3501 6.3.9, RFC 5258 3.5: a parent is told for a child that the
        pattern does not match."""
        d = self.session()
        self.ok(d, 'CREATE p/q/r')
        self.ok(d, 'SUBSCRIBE p/q/r')
        self.assertEqual(self.ok(d, 'LSUB "" p*').count(b'* LSUB'), 1)
        self.assertIn(b'* LSUB (\\Noselect) "/" "p"\r\n',
                      self.ok(d, 'LSUB "" p%'))
        text = self.ok(d, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" p*')
        self.assertEqual(text.count(b'* LIST'), 1)
        self.assertIn(b'"p" (CHILDINFO ("SUBSCRIBED"))', self.ok(
            d, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" p%'))
        # A subscribed parent is told of its child all the same.
        self.ok(d, 'SUBSCRIBE p')
        self.assertIn(b'"p" (CHILDINFO ("SUBSCRIBED"))', self.ok(
            d, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" p%'))

    def test_close_tells_no_modseq(self):
        """RFC 7162 3.2.8: it must not; the client knows nothing of it."""
        d = self.session('QRESYNC', select='INBOX')
        self.fill(d, 2)
        self.ok(d, 'STORE 1 +FLAGS (\\Deleted)')
        self.assertNotIn(b'HIGHESTMODSEQ', self.ok(d, 'CLOSE'))
        self.assertIn(b'* 1 EXISTS', self.ok(d, 'SELECT INBOX'))

    def test_numbers_stay_while_they_are_asked_for(self):
        """RFC 7162 3.2.10.2: also in UID SEARCH with sequence numbers."""
        d, other = self.session(select='INBOX'), self.session(select='INBOX')
        self.fill(d, 9)
        self.ok(other, 'NOOP')
        commands = ('UID SEARCH 1:3', 'UID SEARCH NOT (OR 1 SEEN)',
                    'UID SORT (ARRIVAL) UTF-8 1:3',
                    'UID THREAD REFERENCES UTF-8 1:3')
        for command in commands:
            self.ok(other, 'STORE 5 +FLAGS (\\Deleted)')
            self.ok(other, 'EXPUNGE')
            self.assertNotIn(b'EXPUNGE', self.ok(d, command), command)
            self.assertIn(b'* 5 EXPUNGE', self.ok(d, 'UID SEARCH ALL'))

    def test_sequence_match_after_uidonly(self):
        """RFC 9586 3: no sequence numbers, here neither."""
        d = self.session('UIDONLY', 'QRESYNC')
        self.bad(d, 'SELECT INBOX (QRESYNC (1 1 1:2 (1 1)))', b'[UIDREQUIRED]')
        self.ok(d, 'SELECT INBOX (QRESYNC (1 1 1:2))')

    def test_oldname(self):
        """RFC 9051 6.3.2: a name that was given otherwise."""
        d = self.session('IMAP4rev2')
        self.assertIn(b'* LIST () "/" "INBOX" (OLDNAME ("inBox"))\r\n',
                      self.ok(d, 'SELECT inBox'))
        self.assertIn(b'* LIST () "/" "INBOX"\r\n',
                      self.ok(d, 'EXAMINE INBOX'))


    def test_status_enables_condstore(self):
        """RFC 7162 3.1."""
        for command in ('STATUS INBOX (HIGHESTMODSEQ)',
                        'LIST "" INBOX RETURN (STATUS (HIGHESTMODSEQ))'):
            d = self.session(select='INBOX')
            self.fill(d, 1)
            self.assertNotIn(b'MODSEQ', self.ok(d, 'STORE 1 +FLAGS (a)'))
            self.ok(d, command)
            self.assertIn(b'MODSEQ', self.ok(d, 'STORE 1 +FLAGS (b)'))

    def test_binary_of_a_multipart(self):
        """RFC 3516: the part's octets; it was the whole message."""
        d = self.session(select='INBOX')
        self.append(d, 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; '
                       'boundary=a\r\n\r\n--a\r\nContent-Type: multipart/'
                       'alternative; boundary=b\r\n\r\n--b\r\n\r\nx\r\n'
                       '--b--\r\n--a--\r\n')

        def octets(item):
            text = self.ok(d, f'FETCH 1 {item}')
            return text[text.index(b'}\r\n') + 3:text.rindex(b')')]
        body = octets('BODY.PEEK[1]')
        self.assertEqual(octets('BINARY.PEEK[1]'), body)
        self.assertEqual(octets('BINARY.PEEK[]'), octets('BODY.PEEK[]'))
        self.assertIn(b'BINARY.SIZE[1] %d' % len(body),
                      self.ok(d, 'FETCH 1 BINARY.SIZE[1]'))

    def test_nonexistent_parent_in_rev2(self):
        """RFC 9051 7.3.1."""
        d = self.session('IMAP4rev2')
        self.ok(d, 'CREATE gone/child')
        self.ok(d, 'DELETE gone')
        self.assertIn(b'* LIST (\\NonExistent \\HasChildren) "/" "gone"',
                      self.ok(d, 'LIST "" gone'))


class Replace(ImapTest):
    """RFC 8508 3.4: one change, and only what it adds counts."""

    def replace(self, d, what, box, size):
        text = 'Subject: new\r\n\r\n' + 'y' * size + '\r\n'
        return d.imap('a', f'{what} {box} {{{len(text)}+}}\r\n{text}')

    def used(self):
        return self.system.db.mailboxes.find_one(
            {'_id': self.address})['size']['current']

    def test_quota_of_the_difference(self):
        self.system.m3mta('mailbox', 'set', self.address, '--quota=10k')
        d = self.session(select='INBOX')
        self.append(d, 'x' * 6000, 'z' * 2000)
        for number, box, size, over in ((1, 'INBOX', 6500, 9500),
                                        (2, 'Drafts', 6600, 4000)):
            text = self.replace(d, f'REPLACE {number}', box, size)
            self.assertIn(b'\na OK', text)
            self.assertIn(b'* %d EXPUNGE' % number, text)
            self.assertIn(b'a NO [OVERQUOTA]', self.replace(
                d, f'REPLACE {3 - number}', box, over))
            self.system.verify()
        self.assertLess(self.used(), 10240)

    def test_replaced_by_another_session(self):
        d, other = self.session(select='INBOX'), self.session(select='INBOX')
        self.append(d, 'one')
        self.ok(other, 'NOOP')
        self.assertIn(b'a OK', self.replace(d, 'REPLACE 1', 'INBOX', 5))
        text = self.replace(other, 'UID REPLACE 1', 'INBOX', 7)
        self.assertIn(b'a NO [EXPUNGEISSUED]', text)
        self.assertIn(b'* SEARCH 2\r\n', self.ok(d, 'UID SEARCH ALL'))
        self.system.verify()

    def test_killed_in_the_middle(self):
        d = self.session(select='INBOX')
        self.append(d, 'one')
        for box in ('INBOX', 'Drafts'):
            killed = self.dialog(
                'm3mta-imap', '--preauth', self.address, fault=True,
                env={'M3MTA_FAULT': 'store-replace:kill'})
            killed.line()
            self.ok(killed, 'SELECT INBOX')
            self.assertNotIn(b'a OK',
                             self.replace(killed, 'REPLACE 1', box, 5))
            self.assertIn(b'MESSAGES 0', self.ok(
                d, 'STATUS Drafts (MESSAGES)'))
            self.assertIn(b'* SEARCH 1\r\n', self.ok(d, 'UID SEARCH ALL'))
        # The server gives up what the dead process held.
        self.assertIn(b'a OK', self.replace(d, 'REPLACE 1', 'INBOX', 5))
        self.system.verify()


class Timeouts(ImapTest):
    settings = {'imap__timeout__idle': '1s'}

    def test_autologout(self):
        d = self.session(select='INBOX')
        self.assertTrue(d.line().startswith(b'* BYE Autologout'))
        self.assertTrue(d.is_closed())


if __name__ == '__main__':
    unittest.main()
