"""NOTIFY (RFC 5465): events of the selected mailbox and of others, told to a
session that says nothing, while other sessions change things."""
import os
import re
import signal
import socket
import tempfile
import time
import unittest
import zlib

from harness import LiveTest, binary, wait_for

MESSAGE = 'From: A <a@b.example>\r\nSubject: one\r\n\r\nbody\r\n'
MESSAGES = '(MessageNew MessageExpunge)'
ALL = '(MessageNew MessageExpunge FlagChange)'


class Notify(LiveTest):
    # Nothing that comes was polled for: the tests wait 30 s.
    settings = {'imap__idle__poll': '600s', 'imap__notify__maximum': '20',
                'imap__capabilities__hide': []}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        self.address = f'{self._testMethodName.lower()}@example.org'
        self.system.m3mta('mailbox', 'add', self.address, '--no-password')

    def tearDown(self):
        self.system.verify()

    def start(self, select=None, *options):
        d = self.dialog('m3mta-imap', '--preauth', self.address, *options)
        self.assertTrue(d.line().startswith(b'* PREAUTH'))
        if select:
            self.ok(d, f'SELECT {select}')
        return d

    def ok(self, d, command):
        answer = d.imap('a', command)
        self.assertIn(b'a OK', answer, command)
        return answer

    def append(self, d, n=1, flags='', folder='INBOX', text=MESSAGE):
        for _ in range(n):
            self.ok(d, f'APPEND {folder} ({flags}) {{{len(text)}+}}\r\n{text}')

    def expect(self, d, *lines):
        """The next lines, which nobody asked for, are these."""
        for line in lines:
            got = d.line()
            self.assertRegex(got, b'^' + line + b'\r\n$')

    def silent(self, d):
        """Nothing was waiting: the answer is all that comes."""
        self.assertEqual(self.ok(d, 'NOOP').count(b'\r\n'), 1)

    # --- the command ---------------------------------------------------------

    def test_syntax(self):
        d = self.start('INBOX')
        self.assertIn(b' NOTIFY', self.ok(d, 'CAPABILITY'))
        for good in ('NONE', 'SET (selected NONE)', 'SET STATUS (personal '
                     'NONE)', f'SET (SELECTED-Delayed {ALL})',
                     'set (selected (messagenew (uid body.peek[header.fields '
                     '(from to subject)]) messageexpunge)) (subtree Lists '
                     f'{MESSAGES})', f'SET (mailboxes (a "b c") {ALL})',
                     'SET (personal (MailboxName SubscriptionChange '
                     'MailboxMetadataChange ServerMetadataChange)) '
                     f'(inboxes {ALL}) (subscribed {ALL})',
                     f'SET (mailboxes {{3+}}\r\na/b {ALL})',
                     f'SET (mailboxes (a//b &AGE-) {ALL})'):
            self.ok(d, f'NOTIFY {good}')
        for bad in ('', 'SET', 'SET STATUS', 'FROB', 'NONE NONE', 'SET NONE',
                    'SET ()', 'SET (selected)', 'SET (selected ())',
                    'SET (selected (MessageNew))',
                    'SET (personal (MessageExpunge))',
                    'SET (selected (FlagChange))',
                    'SET (selected (MessageNew MessageExpunge MailboxName))',
                    'SET (selected (MessageNew (FROB) MessageExpunge))',
                    'SET (selected (MessageNew () MessageExpunge))',
                    'SET (personal (MessageNew (UID) MessageExpunge))',
                    f'SET (selected {ALL}) (selected-delayed {ALL})',
                    f'SET (elsewhere {ALL})', f'SET (mailboxes () {ALL})',
                    f'SET (mailboxes {ALL})', f'SET (selected {ALL} {ALL})',
                    f'SET (personal x {ALL})'):
            answer = d.imap('b', f'NOTIFY {bad}')
            self.assertTrue(answer.startswith(b'b BAD'), (bad, answer))
        answer = d.imap('c', 'NOTIFY SET (selected (MessageNew '
                             'MessageExpunge FlagChange AnnotationChange))')
        self.assertRegex(answer, rb'^c NO \[BADEVENT \(MessageNew '
                                 rb'MessageExpunge FlagChange MailboxName '
                                 rb'SubscriptionChange MailboxMetadataChange '
                                 rb'ServerMetadataChange\)\]')
        self.assertIn(b'c NO [BADEVENT', d.imap(
            'c', 'NOTIFY SET (personal (X-Odd))'))
        # What was refused changed nothing: the last good one stands.
        self.append(self.start(), folder='Trash')
        self.silent(d)

    def test_only_for_users(self):
        d = self.dialog('m3mta-imap')
        self.assertNotIn(b'NOTIFY', d.line())
        self.assertIn(b'a BAD', d.imap('a', 'NOTIFY NONE'))

    def test_too_many_names(self):
        d = self.start()
        names = ' '.join(f'n{i}' for i in range(1001))
        self.assertIn(b'a NO [NOTIFICATIONOVERFLOW]', d.imap(
            'a', f'NOTIFY SET (mailboxes ({names}) {MESSAGES})'))
        names = ' '.join(f'n{i}' for i in range(1000))
        self.ok(d, f'NOTIFY SET (mailboxes ({names}) {MESSAGES})')
        groups = f'(mailboxes x {MESSAGES}) ' * 65
        self.assertIn(b'a NO [NOTIFICATIONOVERFLOW]', d.imap(
            'a', f'NOTIFY SET {groups.strip()}'))

    # --- the selected mailbox ------------------------------------------------

    def test_selected(self):
        """All events while no command runs: two watch, one works."""
        w = self.start('INBOX')
        self.append(w, 2)
        now, later = self.start('INBOX'), self.start('INBOX')
        self.ok(now, f'NOTIFY SET (selected {ALL})')
        self.ok(later, f'NOTIFY SET (selected-delayed {ALL})')
        self.append(w)
        for d in (now, later):
            self.expect(d, rb'\* 3 EXISTS', rb'\* \d RECENT')
        self.ok(w, r'STORE 2 +FLAGS (\Flagged $Work)')
        for d in (now, later):
            self.expect(d, rb'\* FLAGS .*\$Work.*',
                        rb'\* OK \[PERMANENTFLAGS .*',
                        rb'\* 2 FETCH \(UID 2 FLAGS \(\\Flagged \$Work\)\)')
        self.ok(w, r'STORE 1 +FLAGS.SILENT (\Deleted)')
        for d in (now, later):
            self.expect(d, rb'\* 1 FETCH \(UID 1 FLAGS \(.*\\Deleted.*\)\)')
        self.ok(w, 'EXPUNGE')
        self.expect(now, rb'\* 1 EXPUNGE')
        # The other keeps its numbers until a command lets them move.
        answer = self.ok(later, 'FETCH 2 (UID)')
        self.assertIn(b'* 2 FETCH (UID 2)', answer)
        self.assertNotIn(b'EXPUNGE', answer)
        self.append(w)
        self.expect(later, rb'\* 4 EXISTS', rb'\* \d RECENT')
        self.assertIn(b'* 1 EXPUNGE\r\n', self.ok(later, 'NOOP'))
        self.expect(now, rb'\* 3 EXISTS', rb'\* \d RECENT')
        self.silent(now)

    def test_new_with_items(self):
        """EXISTS, then the FETCH that was asked for; not of one's own."""
        w, d = self.start('INBOX'), self.start('INBOX')
        self.ok(d, 'NOTIFY SET (selected (MessageNew (UID FLAGS RFC822.SIZE '
                   'BODY.PEEK[HEADER.FIELDS (Subject)]) MessageExpunge))')
        self.append(w, flags=r'\Seen')
        self.expect(d, rb'\* 1 EXISTS', rb'\* \d RECENT',
                    rb'\* 1 FETCH \(UID 1 FLAGS \(\\Seen.*\) RFC822.SIZE '
                    rb'\d+ BODY\[HEADER.FIELDS \(Subject\)\] \{16\}',
                    rb'Subject: one', rb'', rb'\)')
        self.append(d)
        self.silent(d)
        answer = self.ok(w, 'NOOP')
        self.assertIn(b'* 2 EXISTS', answer)
        # Flags were not asked for.
        self.ok(w, r'STORE 1 +FLAGS (\Flagged)')
        self.append(w)
        self.expect(d, rb'\* 3 EXISTS', rb'\* \d RECENT',
                    rb'\* 3 FETCH \(UID 3 FLAGS .*', rb'Subject: one', rb'',
                    rb'\)')
        # A copy by the session itself is its own; others see it.
        answer = self.ok(d, 'UID COPY 1 INBOX')
        self.assertIn(b'* 4 EXISTS', answer)
        self.assertNotIn(b'FETCH', answer)
        # Reading for a notice sets no \Seen.
        self.ok(d, 'NOTIFY SET (selected (MessageNew (BODY[TEXT]) '
                   'MessageExpunge))')
        self.append(w)
        self.expect(d, rb'\* 5 EXISTS', rb'\* \d RECENT',
                    rb'\* 5 FETCH \(BODY\[TEXT\] \{6\}', rb'body', rb'\)')
        self.assertNotIn(b'Seen', self.ok(w, 'FETCH 5 FLAGS'))

    def test_set_is_a_noop(self):
        """What is known already comes before the answer of NOTIFY SET."""
        w, d = self.start('INBOX'), self.start('INBOX')
        self.append(w, 2)
        self.assertIn(b'* 2 EXISTS',
                      self.ok(d, f'NOTIFY SET (selected {ALL})'))
        self.ok(d, 'NOTIFY NONE')
        self.append(w)
        self.ok(w, r'STORE 1 +FLAGS (\Deleted)')
        self.ok(w, 'EXPUNGE')
        # Nothing at all, and the numbers stand still.
        self.silent(d)
        self.assertIn(b'* 2 FETCH (UID 2)', self.ok(d, 'FETCH 1:* (UID)'))
        d.send('i IDLE\r\n')
        self.assertEqual(d.line(), b'+ idling\r\n')
        d.send('DONE\r\n')
        self.assertTrue(d.line().startswith(b'i OK'))
        answer = self.ok(d, f'NOTIFY SET (selected {ALL})')
        self.assertIn(b'* 1 EXPUNGE', answer)
        self.assertIn(b'* 2 EXISTS', answer)

    def test_none_and_own_commands(self):
        """One's own EXPUNGE and MOVE are answered whatever was asked for."""
        d = self.start('INBOX')
        self.append(d, 3)
        self.ok(d, 'NOTIFY NONE')
        self.ok(d, r'STORE 1 +FLAGS (\Deleted)')
        self.assertIn(b'* 1 EXPUNGE', self.ok(d, 'EXPUNGE'))
        self.assertIn(b'* 1 EXPUNGE', self.ok(d, 'UID MOVE 2 Trash'))
        self.assertIn(b'* 1 FETCH (UID 3)', self.ok(d, 'FETCH 1 UID'))

    def test_idle(self):
        """IDLE tells exactly what NOTIFY asks for."""
        w, d = self.start('INBOX'), self.start('INBOX')
        self.ok(d, f'NOTIFY SET (selected-delayed {MESSAGES}) '
                   f'(mailboxes Trash {MESSAGES})')
        self.append(w)
        self.expect(d, rb'\* 1 EXISTS', rb'\* \d RECENT')
        d.send('i IDLE\r\n')
        self.assertEqual(d.line(), b'+ idling\r\n')
        self.ok(w, r'STORE 1 +FLAGS (\Deleted)')
        self.append(w, folder='Trash')
        self.expect(d, rb'\* STATUS "Trash" \(MESSAGES 1 UIDNEXT 2 UNSEEN 1\)')
        self.ok(w, 'EXPUNGE')
        self.expect(d, rb'\* 1 EXPUNGE')
        d.send('DONE\r\n')
        self.assertTrue(d.line().startswith(b'i OK'))

    def test_selecting(self):
        """Whatever is selected, and what was and is not any more."""
        w, d = self.start('INBOX'), self.start('INBOX')
        self.ok(d, f'NOTIFY SET (selected {ALL}) '
                   f'(mailboxes (INBOX Sent) {ALL})')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* STATUS "Sent" .*MESSAGES 1 UIDNEXT 2.*')
        self.append(w)
        self.expect(d, rb'\* 1 EXISTS', rb'\* \d RECENT')
        self.ok(d, 'SELECT Sent')
        self.append(w)
        self.expect(d, rb'\* STATUS "INBOX" .*MESSAGES 2 UIDNEXT 3.*')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* 2 EXISTS', rb'\* \d RECENT')
        self.ok(d, 'UNSELECT')
        self.silent(d)
        self.append(w, folder='Sent')
        self.expect(d, rb'\* STATUS "Sent" .*MESSAGES 3 UIDNEXT 4.*')
        self.ok(d, 'EXAMINE Sent')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* 4 EXISTS', rb'\* \d RECENT')

    def test_told_when_unselected(self):
        """What was held back while it was selected comes as a STATUS."""
        w, d = self.start('INBOX'), self.start('INBOX')
        self.ok(d, f'NOTIFY SET (personal {ALL})')
        self.append(w)
        self.silent(d)
        answer = self.ok(d, 'UNSELECT') + self.ok(d, 'NOOP')
        self.assertIn(b'* STATUS "INBOX" (MESSAGES 1 UIDNEXT 2', answer)
        self.silent(d)

    def test_qresync(self):
        w, d = self.start('INBOX'), self.start()
        self.append(w, 3)
        self.ok(d, 'ENABLE QRESYNC')
        self.ok(d, 'SELECT INBOX')
        self.ok(d, 'NOTIFY SET (selected (MessageNew (FLAGS) MessageExpunge '
                   f'FlagChange)) (mailboxes Sent {ALL})')
        self.ok(w, r'STORE 1:2 +FLAGS (\Deleted)')
        for i in (1, 2):
            self.expect(d, rb'\* %d FETCH \(UID %d FLAGS \(.*\) MODSEQ '
                           rb'\(\d+\)\)' % (i, i))
        self.ok(w, 'EXPUNGE')
        self.expect(d, rb'\* VANISHED 1:2')
        self.append(w)
        self.expect(d, rb'\* 2 EXISTS', rb'\* \d RECENT',
                    rb'\* 2 FETCH \(UID 4 FLAGS \(.*\)\)')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* STATUS "Sent" \(MESSAGES 1 UIDNEXT 2 UNSEEN 1 '
                       rb'HIGHESTMODSEQ \d+\)')
        self.ok(w, 'SELECT Sent')
        self.ok(w, r'STORE 1 +FLAGS (\Flagged)')
        self.expect(d, rb'\* STATUS "Sent" \(UIDVALIDITY \d+ UNSEEN 1 '
                       rb'HIGHESTMODSEQ \d+\)')

    # --- other mailboxes -----------------------------------------------------

    def test_messages_elsewhere(self):
        w, d = self.start('Sent'), self.start()
        self.append(w, 2, folder='Sent')
        answer = self.ok(d, f'NOTIFY SET STATUS (mailboxes Sent {ALL})')
        self.assertEqual(answer.count(b'* STATUS'), 1)
        self.assertRegex(answer, rb'\* STATUS "Sent" \(MESSAGES 2 UIDNEXT 3 '
                                 rb'UIDVALIDITY \d+ UNSEEN 2 HIGHESTMODSEQ '
                                 rb'\d+\)\r\n')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* STATUS "Sent" \(MESSAGES 3 UIDNEXT 4 UNSEEN 3\)')
        self.ok(w, r'STORE 1 +FLAGS (\Seen)')
        self.expect(d, rb'\* STATUS "Sent" \(UIDVALIDITY \d+ UNSEEN 2\)')
        # Neither counts nor UNSEEN: a client without CONDSTORE has no use
        # for it.
        self.ok(w, r'STORE 1 +FLAGS (\Flagged)')
        self.silent(d)
        self.ok(w, r'STORE 3 +FLAGS.SILENT (\Deleted)')
        self.ok(w, 'EXPUNGE')
        self.expect(d, rb'\* STATUS "Sent" \(MESSAGES 2 UIDNEXT 4 UNSEEN 1\)')
        self.append(w, folder='Trash')
        self.silent(d)

    def test_one_append_is_one_status(self):
        """A delivery by the mda, and what the session does itself."""
        self.system.m3mta('mailbox', 'set', self.address, '--quota=0')
        d = self.start()
        self.ok(d, f'NOTIFY SET (personal {MESSAGES})')
        s = self.dialog('m3mta-smtp')
        s.reply()
        for line in ('EHLO a', 'MAIL FROM:<a@example.net>',
                     f'RCPT TO:<{self.address}>', 'DATA',
                     'Subject: mail\r\n\r\nx\r\n.'):
            s.smtp(line)
        self.system.mda()
        self.expect(d, rb'\* STATUS "INBOX" \(MESSAGES 1 UIDNEXT 2 UNSEEN 1\)')
        answer = self.ok(d, f'APPEND Sent {{{len(MESSAGE)}+}}\r\n{MESSAGE}')
        self.assertNotIn(b'STATUS', answer)
        self.silent(d)
        self.ok(d, 'SELECT INBOX')
        self.assertNotIn(b'STATUS', self.ok(d, 'UID COPY 1 Archive'))
        self.silent(d)

    def test_filters(self):
        w = self.start()
        for name in ('Lists', 'Lists/a', 'Lists/a/b', 'Listsx', 'Work'):
            self.ok(w, f'CREATE {name}')
        self.ok(w, 'SUBSCRIBE Work')
        want = {'subtree Lists': {'Lists', 'Lists/a', 'Lists/a/b'},
                'subtree (Lists/a Work)': {'Lists/a', 'Lists/a/b', 'Work'},
                'mailboxes (Lists nowhere Work/x)': {'Lists'},
                'mailboxes "lists"': set(),
                'mailboxes (* %)': set(),
                'subscribed': {'Work', 'INBOX'},
                'personal': {'Lists', 'Lists/a', 'Lists/a/b', 'Listsx',
                             'Work', 'INBOX'},
                'inboxes': {'Lists', 'Lists/a', 'Lists/a/b', 'Listsx',
                            'Work', 'INBOX'},
                'mailboxes inbox': {'INBOX'}}
        sessions = {}
        for filter_ in want:
            sessions[filter_] = self.start()
            self.ok(sessions[filter_], f'NOTIFY SET ({filter_} {MESSAGES})')
        for name in ('Lists', 'Lists/a', 'Lists/a/b', 'Listsx', 'Work',
                     'INBOX'):
            self.append(w, folder=name)
        for filter_, names in want.items():
            told = set()
            d = sessions[filter_]
            while told != names:
                told.add(re.match(rb'\* STATUS "(.*)" ',
                                  d.line()).group(1).decode())
            self.silent(d)

    def test_groups_add_up(self):
        w, d = self.start('Sent'), self.start()
        self.append(w, folder='Sent')
        self.ok(d, f'NOTIFY SET (mailboxes Sent {MESSAGES}) (personal '
                   '(MailboxName)) (subtree Sent (SubscriptionChange))')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* STATUS "Sent" .*')
        self.ok(w, 'CREATE Other')
        self.expect(d, rb'\* LIST \(\\HasNoChildren\) "/" "Other"')
        self.ok(w, 'UNSUBSCRIBE Sent')
        self.expect(d, rb'\* LIST \(\\HasNoChildren \\Sent\) "/" "Sent"')
        self.ok(w, 'UNSUBSCRIBE Trash')
        self.silent(d)

    # --- names ---------------------------------------------------------------

    def test_names(self):
        w, d = self.start(), self.start()
        self.ok(d, 'NOTIFY SET (personal (MailboxName))')
        self.ok(w, 'CREATE a/b')
        self.expect(d, rb'\* LIST \(\\HasChildren\) "/" "a"',
                    rb'\* LIST \(\\HasNoChildren\) "/" "a/b"')
        self.ok(w, 'RENAME a Entw&APw-rfe')
        # The child moved with it.
        self.expect(d, rb'\* LIST \(\\HasChildren\) "/" "Entw&APw-rfe" '
                       rb'\("OLDNAME" \("a"\)\)')
        self.ok(w, 'SUBSCRIBE Entw&APw-rfe/b')
        self.silent(d)
        self.ok(w, 'DELETE Entw&APw-rfe/b')
        self.expect(d, rb'\* LIST \(\\NonExistent \\Subscribed '
                       rb'\\HasNoChildren\) "/" "Entw&APw-rfe/b"')
        self.ok(w, 'RENAME INBOX Old')
        # INBOX is still there: this one is new.
        self.expect(d, rb'\* LIST \(\\Subscribed \\HasNoChildren\) "/" "Old"')
        # What the session does itself it is not told.
        for command in ('CREATE x/y', 'RENAME x z', 'DELETE z/y',
                        'SUBSCRIBE z'):
            self.assertNotIn(b'* LIST', self.ok(d, command))
        self.silent(d)

    def test_subscriptions(self):
        w, d = self.start(), self.start()
        self.ok(d, 'NOTIFY SET (personal (SubscriptionChange)) '
                   f'(subscribed {MESSAGES})')
        self.ok(w, 'CREATE a')
        self.append(w, folder='a')
        self.silent(d)
        self.ok(w, 'SUBSCRIBE a')
        self.expect(d, rb'\* LIST \(\\Subscribed \\HasNoChildren\) "/" "a"')
        # The filter follows the subscriptions.
        self.append(w, folder='a')
        self.expect(d, rb'\* STATUS "a" \(MESSAGES 2 .*')
        self.ok(w, 'UNSUBSCRIBE a')
        self.expect(d, rb'\* LIST \(\\HasNoChildren\) "/" "a"')
        self.append(w, folder='a')
        self.ok(w, 'SUBSCRIBE none')
        self.expect(d, rb'\* LIST \(\\NonExistent \\Subscribed '
                       rb'\\HasNoChildren\) "/" "none"')
        self.ok(w, 'UNSUBSCRIBE none')
        self.expect(d, rb'\* LIST \(\\NonExistent \\HasNoChildren\) "/" '
                       rb'"none"')

    def test_made_again(self):
        """A new mailbox under an old name: UIDVALIDITY is told."""
        w, d = self.start(), self.start()
        self.ok(w, 'CREATE a')
        answer = self.ok(d, f'NOTIFY SET STATUS (mailboxes a {ALL})')
        old = int(re.search(rb'UIDVALIDITY (\d+)', answer).group(1))
        self.ok(w, 'DELETE a')
        self.silent(d)
        self.ok(w, 'CREATE a')
        line = d.line()
        self.assertRegex(line, rb'\* STATUS "a" \(MESSAGES 0 UIDNEXT 1 ')
        self.assertGreater(
            int(re.search(rb'UIDVALIDITY (\d+)', line).group(1)), old)

    # --- folders of others ---------------------------------------------------

    def test_others(self):
        """Another user's folder, by name, by subscription and selected:
        what he does rings here. What may not be read is said to be so."""
        other = f'o{self.address}'
        self.system.m3mta('mailbox', 'add', other, '--no-password')
        w = self.dialog('m3mta-imap', '--preauth', other)
        w.line()
        for name in ('Team', 'Team/a', 'Shut'):
            self.ok(w, f'CREATE {name}')
            self.ok(w, f'SETACL {name} {self.address} '
                       f'{"l" if name == "Shut" else "lr"}')
        top = f'Other Users/{other}'
        d, sub, sel = self.start(), self.start(), self.start()
        answer = self.ok(d, f'NOTIFY SET STATUS (subtree "{top}" (MessageNew '
                            'MessageExpunge MailboxName))')
        self.assertIn(f'* LIST (\\NoAccess) "/" "{top}/Shut"\r\n'.encode(),
                      answer)
        self.assertEqual(answer.count(b'* STATUS'), 2)
        self.ok(sub, f'SUBSCRIBE "{top}/Team"')
        self.ok(sub, f'NOTIFY SET (personal {ALL}) (subscribed {MESSAGES})')
        self.ok(sel, f'SELECT "{top}/Team"')
        self.ok(sel, f'NOTIFY SET (selected {ALL})')
        self.append(w, folder='Team')
        for x in (d, sub):
            self.expect(x, rb'\* STATUS "%s/Team" \(MESSAGES 1 UIDNEXT 2 .*' %
                        top.encode())
        self.expect(sel, rb'\* 1 EXISTS', rb'\* \d RECENT')
        self.append(w, folder='Shut')
        self.append(w, folder='INBOX')
        self.append(w, folder='Team/a')
        self.expect(d, rb'\* STATUS "%s/Team/a" .*' % top.encode())
        self.silent(sub)
        self.ok(w, 'RENAME Team/a Team/b')
        self.expect(d, rb'\* LIST \(\\HasNoChildren\) "/" "%s/Team/b" '
                       rb'\("OLDNAME" \("%s/Team/a"\)\)' %
                    (top.encode(), top.encode()),
                    rb'\* STATUS "%s/Team/b" .*UIDVALIDITY.*' % top.encode())
        # METADATA: what is shared, and one's own private entries.
        meta, mine = self.start(), self.start()
        self.ok(meta, f'NOTIFY SET (subtree "{top}" (MailboxMetadataChange))')
        self.ok(w, 'SETMETADATA Team (/shared/comment "x" /private/y "z")')
        self.expect(meta, rb'\* METADATA "%s/Team" /shared/comment' %
                    top.encode())
        self.ok(mine, f'SETMETADATA "{top}/Team" (/private/mine "x")')
        self.expect(meta, rb'\* METADATA "%s/Team" /private/mine' %
                    top.encode())
        self.silent(meta)
        # The right is taken: it is not watched any more, then it is again.
        self.ok(w, f'SETACL Team/b {self.address} l')
        self.expect(d, rb'\* LIST \(\\NoAccess .*\) "/" "%s/Team/b"' %
                    top.encode())
        self.ok(w, f'SETACL Team/b {self.address} lr')
        self.expect(d, rb'\* LIST \(\\HasNoChildren\) "/" "%s/Team/b"' %
                    top.encode(), rb'\* STATUS "%s/Team/b" .*' %
                    top.encode())
        self.ok(w, f'DELETEACL Team/b {self.address}')
        self.expect(d, rb'\* LIST \(\\NonExistent .*\) "/" "%s/Team/b"' %
                    top.encode())
        self.append(w, folder='Team/b')
        self.ok(w, f'SETACL Team/b {self.address} lr')
        self.expect(d, rb'\* LIST \(\\HasNoChildren\) "/" "%s/Team/b"' %
                    top.encode(), rb'\* STATUS "%s/Team/b" \(MESSAGES 2 .*' %
                    top.encode())
        self.silent(d)

    # --- METADATA ------------------------------------------------------------

    def test_metadata(self):
        self.system.m3mta('mailbox', 'set', self.address, '--admin')
        w, d = self.start(), self.start('Sent')
        self.ok(w, 'SETMETADATA Sent (/private/old "x")')
        self.ok(d, 'NOTIFY SET (personal (MailboxMetadataChange '
                   'ServerMetadataChange))')
        self.ok(w, 'SETMETADATA Sent (/shared/comment "x" /private/b "y")')
        self.expect(d, rb'\* METADATA "Sent" /private/b /shared/comment')
        self.ok(w, 'SETMETADATA Sent (/private/old NIL /private/b "y2")')
        self.expect(d, rb'\* METADATA "Sent" /private/b /private/old')
        self.ok(w, r'SETMETADATA Trash (/private/specialuse "\\Archive")')
        self.expect(d, rb'\* METADATA "Trash" /private/specialuse')
        self.ok(w, 'SETMETADATA "" (/private/c "x")')
        self.expect(d, rb'\* METADATA "" /private/c')
        self.ok(w, 'SETMETADATA "" (/shared/motd "x")')
        self.expect(d, rb'\* METADATA "" /shared/motd')
        self.assertNotIn(b'* METADATA', self.ok(
            d, 'SETMETADATA Sent (/private/b "z")'))
        self.assertNotIn(b'* METADATA', self.ok(
            d, 'SETMETADATA "" (/shared/motd NIL)'))
        self.silent(d)

    # --- too much, costs, ends -----------------------------------------------

    def test_overflow(self):
        w, d = self.start(), self.start('INBOX')
        names = [f'n{i}' for i in range(14)]
        for name in names:
            self.ok(w, f'CREATE {name}')
        self.ok(d, f'NOTIFY SET (selected {ALL}) (personal {MESSAGES})')
        self.ok(w, 'CREATE straw')
        self.expect(d, rb'\* OK \[NOTIFICATIONOVERFLOW\] .*')
        # As after NOTIFY NONE.
        self.append(w)
        self.silent(d)
        self.assertIn(b'a NO [NOTIFICATIONOVERFLOW]', d.imap(
            'a', f'NOTIFY SET (personal {MESSAGES})'))
        # The selected mailbox alone is never too much.
        self.assertIn(b'* 1 EXISTS',
                      self.ok(d, f'NOTIFY SET (selected {ALL})'))

    def sockets(self, pid):
        """Its connections to the database."""
        uri = self.system.settings['database']['uri']
        port = int(re.search(r':(\d+)', uri[len('mongodb:'):]).group(1))
        found = 0
        inodes = set()
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                m = re.match(r'socket:\[(\d+)\]',
                             os.readlink(f'/proc/{pid}/fd/{fd}'))
            except FileNotFoundError:
                continue
            if m:
                inodes.add(m.group(1))
        with open('/proc/net/tcp') as f:
            for line in f.readlines()[1:]:
                row = line.split()
                found += row[9] in inodes and \
                    row[2].endswith(f':{port:04X}')
        return found

    def test_holds_no_connection(self):
        w, d = self.start(), self.start('INBOX')
        self.ok(d, f'NOTIFY SET (selected {ALL}) (personal {ALL})')
        self.assertGreater(self.sockets(d.server_pid()), 0)
        wait_for(lambda: self.sockets(d.server_pid()) == 0, 30,
                 'connection given back')
        for i in range(1, 3):
            self.append(w)
            self.expect(d, rb'\* %d EXISTS' % i, rb'\* \d RECENT')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* STATUS "Sent" .*')

    def test_poll_without_a_doorbell(self):
        """Another host, no notifier: the poll finds it."""
        other = tempfile.mkdtemp(dir=self.system.folder)
        w = self.start()
        d = self.start('INBOX', '-o', f'runtime.dir={other}', '-o',
                       'imap.idle.poll=1s')
        self.ok(d, f'NOTIFY SET (selected {ALL}) '
                   f'(personal (MessageNew MessageExpunge MailboxName))')
        self.append(w)
        self.expect(d, rb'\* 1 EXISTS', rb'\* \d RECENT')
        self.append(w, folder='Sent')
        self.expect(d, rb'\* STATUS "Sent" .*')
        self.ok(w, 'CREATE a')
        self.expect(d, rb'\* LIST .* "/" "a"')

    def test_other_host(self):
        """m3mta notify rings for what another host did, DELETE too."""
        other = tempfile.mkdtemp(dir=self.system.folder)
        notify = self.system.start(
            [binary('m3mta'), '-c', self.system.config, '-o',
             f'runtime.dir={other}', 'notify'])
        time.sleep(1.5)
        w = self.start()
        d = self.start(None, '-o', f'runtime.dir={other}')
        self.ok(d, 'NOTIFY SET (personal (MailboxName SubscriptionChange '
                   'MessageNew MessageExpunge MailboxMetadataChange))')
        self.ok(w, 'CREATE a')
        self.expect(d, rb'\* LIST .* "/" "a"')
        self.append(w, folder='a')
        self.expect(d, rb'\* STATUS "a" .*')
        self.ok(w, 'SETMETADATA a (/private/comment "x")')
        self.expect(d, rb'\* METADATA "a" /private/comment')
        self.ok(w, 'DELETE a')
        self.expect(d, rb'\* LIST \(\\NonExistent .*\) "/" "a"')
        self.ok(w, 'SUBSCRIBE b')
        self.expect(d, rb'\* LIST .* "/" "b"')
        self.ok(w, 'UNSUBSCRIBE b')
        self.expect(d, rb'\* LIST .* "/" "b"')
        os.kill(notify.pid, signal.SIGTERM)
        self.assertEqual(notify.wait(10), 0)

    def test_input_in_pieces(self):
        """Half a command is no reason to be told, the whole is answered."""
        w, d = self.start('INBOX'), self.start('INBOX')
        self.ok(d, f'NOTIFY SET (selected {ALL})')
        d.send('x NO')
        self.append(w)
        d.send('OP\r\n')
        answer = d.until('x')
        self.assertIn(b'x OK', answer)
        self.assertIn(b'* 1 EXISTS', answer)
        d.send('y NOOP\r\nz NOOP\r\n')
        self.assertIn(b'y OK', d.until('y'))
        self.assertIn(b'z OK', d.until('z'))

    def test_compressed(self):
        """Events come whole though nothing was asked: flushed each time."""
        w, d = self.start('INBOX'), self.start('INBOX')
        self.ok(d, f'NOTIFY SET (selected {ALL}) (mailboxes Sent {ALL})')
        self.ok(d, 'COMPRESS DEFLATE')
        back = zlib.decompressobj(-15)

        def hear(end):
            text = b''
            while not text.endswith(end):
                text += back.decompress(d.sock.recv(65536))
            return text
        for n in (1, 2):
            self.append(w)
            self.assertRegex(hear(b' RECENT\r\n'), rb'\* %d EXISTS' % n)
        self.append(w, folder='Sent')
        self.assertRegex(hear(b')\r\n'), rb'\* STATUS "Sent" ')
        out = zlib.compressobj(9, zlib.DEFLATED, -15)
        d.send(out.compress(b'x NOOP\r\n') + out.flush(zlib.Z_SYNC_FLUSH))
        self.assertIn(b'x OK', hear(b'Done\r\n'))

    def test_uidonly(self):
        w, d = self.start('INBOX'), self.start()
        self.ok(d, 'ENABLE UIDONLY')
        self.ok(d, 'SELECT INBOX')
        self.ok(d, 'NOTIFY SET (selected (MessageNew (FLAGS) MessageExpunge '
                   'FlagChange))')
        self.append(w, flags=r'\Seen')
        self.expect(d, rb'\* 1 EXISTS', rb'\* \d RECENT',
                    rb'\* 1 UIDFETCH \(FLAGS \(.*\\Seen.*\)\)')
        self.ok(w, r'STORE 1 +FLAGS (\Deleted)')
        self.expect(d, rb'\* 1 UIDFETCH \(FLAGS \(.*\\Deleted.*\)\)')
        self.ok(w, 'EXPUNGE')
        self.expect(d, rb'\* VANISHED 1')

    def test_autologout_and_eof(self):
        d = self.start(None, '-o', 'imap.timeout.idle=1s')
        self.ok(d, f'NOTIFY SET (personal {ALL})')
        self.assertTrue(d.line().startswith(b'* BYE'))
        self.assertTrue(d.is_closed())
        d = self.start('INBOX')
        self.ok(d, f'NOTIFY SET (selected {ALL})')
        d.sock.shutdown(socket.SHUT_WR)
        self.assertTrue(d.is_closed())

    def test_deleted_while_selected(self):
        w, d = self.start(), self.start()
        self.ok(w, 'CREATE a')
        self.ok(d, 'SELECT a')
        self.ok(d, f'NOTIFY SET (selected {ALL})')
        self.ok(w, 'DELETE a')
        self.expect(d, rb'\* BYE .*')


if __name__ == '__main__':
    unittest.main()
