"""What a client that keeps a cache may believe: each tagged answer says, or
lets it conclude, up to which modseq it knows all (RFC 7162 6), expunges
included; and \\Recent, keywords and the answers for messages that are gone."""
import re
import unittest

from imap_cases import CaseTest


def told_modseq(answer, before):
    """The HIGHESTMODSEQ of a client's cache behind this answer."""
    codes = re.findall(rb'\[HIGHESTMODSEQ (\d+)\]', answer)
    if codes:
        return int(codes[-1])
    told = re.findall(rb'MODSEQ \((\d+)\)', answer)
    return max([before] + [int(n) for n in told])


class Cache(CaseTest):
    form = 'fork'

    def begin(self, n=4):
        """A synchroniser, another client, and the cache's state."""
        w = self.start(select='INBOX')
        w.append(n)
        r = self.start('QRESYNC')
        answer = r.ok('SELECT INBOX')
        r.ok('FETCH 1:* (UID)')
        self.validity = r.number(answer, b'UIDVALIDITY')
        return w, r, r.number(answer, b'HIGHESTMODSEQ')

    def expunge(self, w, uids):
        w.ok(f'UID STORE {uids} +FLAGS.SILENT (\\Deleted)')
        w.ok('EXPUNGE')

    def vanished(self, modseq):
        """What a client with this cache is told when it comes back."""
        again = self.start('QRESYNC')
        answer = again.ok(f'SELECT INBOX (QRESYNC ({self.validity} '
                          f'{modseq}))')
        found = re.search(rb'VANISHED \(EARLIER\) (\S+)', answer)
        return found and found[1].decode()

    # --- expunges that wait ----------------------------------------------

    def test_an_expunge_that_waits_is_below_no_cache(self):
        """By command: none of these may tell an EXPUNGE."""
        for command in ('STORE 1 +FLAGS (\\Seen)', 'FETCH 1:4 (FLAGS MODSEQ)',
                        'FETCH 1 (BODY[TEXT])', 'SEARCH MODSEQ 1',
                        'STORE 1 (UNCHANGEDSINCE 1) +FLAGS ($x)',
                        'SEARCH RETURN (MIN) ALL', 'SORT (SIZE) UTF-8 ALL'):
            with self.subTest(command):
                w, r, modseq = self.begin()
                uids = w.ok('UID SEARCH ALL').split(b'\r\n')[0].split()[2:]
                gone = uids[1].decode()
                self.expunge(w, gone)
                w.ok('STORE 3 +FLAGS (\\Flagged)')
                modseq = told_modseq(r.ok(command), modseq)
                r.close()
                self.assertEqual(self.vanished(modseq), gone)
                w.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
                w.ok('EXPUNGE')

    def test_once_told_the_cache_goes_on(self):
        w, r, modseq = self.begin()
        self.expunge(w, 2)
        behind = told_modseq(r.ok('STORE 1 +FLAGS (\\Seen)'), modseq)
        answer = r.ok('NOOP')
        self.assertIn(b'* VANISHED 2\r\n', answer)
        self.assertRegex(answer, rb'a OK \[HIGHESTMODSEQ \d+\]')
        now = told_modseq(answer, behind)
        self.assertGreater(now, behind)
        w.ok('STATUS INBOX (HIGHESTMODSEQ)')
        self.assertEqual(now, r.number(
            w.ok('STATUS INBOX (HIGHESTMODSEQ)'), b'HIGHESTMODSEQ'))
        self.assertNotIn(b'HIGHESTMODSEQ', r.ok('NOOP'))
        self.assertIsNone(self.vanished(now))

    def test_logout_tells_what_waits(self):
        w, r, modseq = self.begin()
        self.expunge(w, 2)
        r.ok('STORE 1 +FLAGS (\\Seen)')
        self.assertIn(b'* VANISHED 2\r\n', r.ok('LOGOUT'))

    def held_up_at_the_pages(self, r, command, change):
        """The answer to a command that reads the folder, and its pages when
        `change` is done meanwhile."""
        admin = self.system.client.admin
        before = admin.command(
            'configureFailPoint', 'failCommand', mode={'times': 1}, data={
                'failCommands': ['find'], 'blockConnection': True,
                'blockTimeMS': 3000,
                'namespace': self.system.db.name + '.pages'})['count']
        try:
            r.send(f'a {command}\r\n')
            admin.command('waitForFailPoint', 'failCommand',
                          timesEntered=before + 1, maxTimeMS=30000)
            change()
            return r.until('a')
        finally:
            admin.command('configureFailPoint', 'failCommand', mode='off')

    def test_pages_ahead_of_their_folder_are_no_news_of_all(self):
        """They show a change, and the folder, read before, lacks others
        from before it: a MODSEQ in an answer is not how far the cache is."""
        w = self.start(select='INBOX')
        w.append(75, text=b'x')
        for i, command in enumerate(
                ('NOOP', 'FETCH 1:* (UID FLAGS MODSEQ)') * 2):
            gone, in_page, in_tail = i + 1, i + 21, i + 71
            with self.subTest(command, gone=gone):
                r = self.start('QRESYNC')
                answer = r.ok('SELECT INBOX')
                self.validity = r.number(answer, b'UIDVALIDITY')
                modseq = r.number(answer, b'HIGHESTMODSEQ')
                if command == 'NOOP':
                    r.ok('FETCH 1 (FLAGS)')
                    w.ok(f'UID STORE {i + 31} +FLAGS (\\Answered)')

                def change():
                    self.expunge(w, gone)
                    w.ok(f'UID STORE {in_tail} +FLAGS (\\Draft)')
                    w.ok(f'UID STORE {in_page} +FLAGS (\\Flagged)')
                answer = self.held_up_at_the_pages(r, command, change)
                self.assertRegex(answer,
                                 rb'UID %d FLAGS \(\\Flagged' % in_page)
                modseq = told_modseq(answer, modseq)
                r.close()
                back = self.start('QRESYNC').ok(
                    f'SELECT INBOX (QRESYNC ({self.validity} {modseq}))')
                self.assertIn(b'* VANISHED (EARLIER) %d\r\n' % gone, back)
                self.assertRegex(back, rb'UID %d FLAGS \(\\Draft' % in_tail)

    def test_another_code_lets_the_modseq_stand_before_it(self):
        w, r, modseq = self.begin()
        self.expunge(w, 2)
        answer = r.ok('STORE 1 (UNCHANGEDSINCE 1) +FLAGS ($x)')
        self.assertRegex(answer, rb'(?s)\* OK \[HIGHESTMODSEQ \d+\].*'
                         rb'a OK \[MODIFIED 1\]')

    def test_move_says_how_far_the_cache_is(self):
        w, r, modseq = self.begin()
        answer = r.ok('MOVE 1 Trash')
        self.assertRegex(answer, rb'\* VANISHED 1\r\n')
        self.assertEqual(told_modseq(answer, 0), r.number(
            r.ok('STATUS INBOX (HIGHESTMODSEQ)'), b'HIGHESTMODSEQ'))

    def test_without_condstore_nobody_is_told_a_modseq(self):
        w, r, modseq = self.begin()
        plain = self.start(select='INBOX')
        plain.ok('FETCH 1 FLAGS')
        self.expunge(w, 2)
        self.assertNotIn(b'MODSEQ', plain.ok('STORE 1 +FLAGS (\\Seen)'))
        self.assertIn(b'* 2 EXPUNGE', plain.ok('NOOP'))

    def test_known_uids_alone_are_told_of(self):
        """SELECT (QRESYNC (validity modseq known))"""
        w, r, modseq = self.begin(6)
        self.expunge(w, '2,6')
        w.ok('UID STORE 1,5 +FLAGS (\\Flagged)')
        r.ok('UNSELECT')
        answer = r.ok(f'SELECT INBOX (QRESYNC ({self.validity} {modseq} '
                      '1:3))')
        self.assertIn(b'* VANISHED (EARLIER) 2\r\n', answer)
        self.assertEqual(re.findall(rb'FETCH \(UID (\d+)', answer), [b'1'])

    def test_a_star_of_vanished_is_the_last_uid(self):
        w, r, modseq = self.begin(6)
        self.expunge(w, '5:6')
        r.ok('NOOP')
        answer = r.ok(f'UID FETCH *:4 (FLAGS) (CHANGEDSINCE {modseq} '
                      'VANISHED)')
        self.assertIn(b'* VANISHED (EARLIER) 5:6\r\n', answer)
        answer = r.ok(f'UID FETCH 7:* (FLAGS) (CHANGEDSINCE {modseq} '
                      'VANISHED)')
        self.assertIn(b'* VANISHED (EARLIER) 6\r\n', answer)

    # --- MODSEQ and UID in FETCH -----------------------------------------

    def test_seen_by_a_fetch_comes_with_modseq_and_uid(self):
        w = self.start(select='INBOX')
        w.append(3)
        r = self.start('QRESYNC', select='INBOX')
        self.assertRegex(
            r.ok('FETCH 1 (BODY[TEXT])'),
            rb'\* 1 FETCH \(UID 1 FLAGS \(\\Seen.*\) MODSEQ \(\d+\) ')
        r = self.start('CONDSTORE', select='INBOX')
        self.assertRegex(r.ok('FETCH 2 (BODY[TEXT])'),
                         rb'\* 2 FETCH \(FLAGS \(\\Seen.*\) MODSEQ \(\d+\) ')
        r = self.start(select='INBOX')
        self.assertNotIn(b'MODSEQ', r.ok('FETCH 3 (BODY[TEXT])'))

    def test_who_turns_condstore_on_hears_how_far_it_is(self):
        w = self.start(select='INBOX')
        w.append(3)
        for command in ('FETCH 1 (MODSEQ)', 'ENABLE CONDSTORE',
                        'SEARCH MODSEQ 1', 'STATUS INBOX (HIGHESTMODSEQ)',
                        'FETCH 1 (FLAGS) (CHANGEDSINCE 1)'):
            with self.subTest(command):
                r = self.start(select='INBOX')
                self.assertRegex(r.ok(command),
                                 rb'\* OK \[HIGHESTMODSEQ \d+\]')
                self.assertNotRegex(r.ok(command),
                                    rb'\* OK \[HIGHESTMODSEQ \d+\]')

    # --- \Recent ----------------------------------------------------------

    def test_recent_is_shown_in_one_session(self):
        w = self.start()
        w.append(1)
        one, two = self.start(select='INBOX'), self.start(select='INBOX')
        seen = {1: [one], 2: [], 3: [], 4: []}
        for n, first in ((2, two), (3, one), (4, two)):
            w.append(1)
            for s in (first, one, two):
                s.ok('NOOP')
            seen[n].append(first)
        for s in (one, two):
            recent = {n for n in seen if s in seen[n]}
            for n in seen:
                self.assertEqual(
                    rb'\Recent' in s.ok(f'FETCH {n} FLAGS'), n in recent, n)
            self.assertEqual({int(n) for n in s.search('RECENT').split()},
                             recent)
            self.assertEqual(
                s.number(s.ok('STATUS INBOX (RECENT)'), b'RECENT'),
                len(recent))
        self.assertIn(b'* 0 RECENT', self.start().ok('SELECT INBOX'))

    def test_what_a_fetch_found_first_is_recent_too(self):
        """New mail that the first FETCH of a session finds."""
        r = self.start(select='INBOX')
        w = self.start()
        w.append(1)
        text = r.ok('UID FETCH 1:* FLAGS') + r.ok('NOOP')
        self.assertIn(b'* 1 RECENT', text)
        self.assertIn(rb'\Recent', r.ok('FETCH 1 FLAGS'))
        self.assertIn(b'* 0 RECENT', self.start().ok('SELECT INBOX'))

    # --- keywords ---------------------------------------------------------

    def test_flags_names_a_keyword_before_it_is_used(self):
        w = self.start(select='INBOX')
        w.append(2)
        late = self.start(select='INBOX')
        known = self.start(select='INBOX')
        known.ok('FETCH 1 FLAGS')
        w.ok('STORE 1 +FLAGS (newkw)')
        for s in (late, known):
            answer = s.ok('UID FETCH 1 FLAGS') + s.ok('UID FETCH 1 FLAGS')
            line = [x for x in answer.split(b'\r\n') if b'newkw' in x][0]
            self.assertTrue(line.startswith(b'* FLAGS ('), line)

    def test_no_new_keyword_is_promised_when_all_are_used(self):
        s = self.start(select='INBOX')
        s.append(1)
        for i in range(0, 57, 19):
            s.ok('STORE 1 +FLAGS (%s)' % ' '.join(
                f'k{n}' for n in range(i, i + 19)))
        answer = s.ok('SELECT INBOX')
        self.assertIn(b'k56', answer)
        self.assertNotIn(rb'\*', answer)
        self.assertIn(rb'\*', s.ok('SELECT Sent'))

    # --- what is gone -----------------------------------------------------

    def test_a_fetch_of_what_others_expunged_is_ok(self):
        w, r, modseq = self.begin()
        late = self.start(select='INBOX')
        self.expunge(w, 2)
        for items in ('(FLAGS)', '(UID INTERNALDATE RFC822.SIZE)',
                      '(BODY.PEEK[])', '(ENVELOPE)'):
            answer = late.ok(f'FETCH 1:4 {items}')
            self.assertIn(b'a OK [EXPUNGEISSUED]', answer)
            self.assertEqual(re.findall(rb'\* (\d) FETCH', answer),
                             [b'1', b'3', b'4'])
        self.assertIn(b'* 2 EXPUNGE', late.ok('NOOP'))

    def test_a_fetch_that_cannot_finish_ends_the_connection(self):
        """Whatever came behind would be read as octets of the message."""
        w = self.start(select='INBOX')
        w.append(text=b'Subject: big\r\n\r\n' + b'x' * 76 * 40000)
        w.append()
        blobs = self.system.db.blobs
        big = max(blobs.find({}, {'_id': 1}),
                  key=lambda x: int.from_bytes(x['_id'][12:], 'big'))
        last = blobs.find_one(big)
        blobs.delete_one({'_id': last['_id']})
        try:
            for item in ('BODY.PEEK[]', 'BINARY.PEEK[]'):
                r = self.start(select='INBOX')
                r.send(f'a FETCH 1:2 ({item})\r\n')
                text = r.file.read()
                self.assertTrue(text.startswith(b'* 1 FETCH ('), text[:80])
                self.assertNotRegex(text, rb'(a|\*) (NO|OK|BAD|BYE) ')
            self.assertIn('event=fetch-cut', self.system.logs())
        finally:
            blobs.insert_one(last)
        self.assertIn(b'a OK', self.start(select='INBOX').ok(
            'FETCH 1:2 (BODY.PEEK[])')[-40:])

    def test_rename_of_inbox_empties_it_for_all_who_look(self):
        w, r, modseq = self.begin(4)
        w.ok('STORE 2 +FLAGS (\\Flagged $x)')
        own = self.start(select='INBOX')
        answer = own.ok('RENAME INBOX Old/one')
        self.assertEqual(answer.count(b' EXPUNGE\r\n'), 4)
        self.assertIn(b'* VANISHED 1:4\r\n', r.ok('NOOP'))
        w.append()
        for s in (own, r):
            self.assertIn(b'* 1 EXISTS', s.ok('NOOP'))
        self.assertIn(b'UID 5', own.ok('FETCH 1 (UID)'))
        self.assertEqual(self.vanished(modseq), '1:4')
        answer = own.ok('SELECT Old/one')
        self.assertIn(b'* 4 EXISTS', answer)
        self.assertRegex(own.ok('FETCH 2 (FLAGS BODY.PEEK[])'),
                         rb'(?s)FLAGS \(\\Flagged .*\$x.*Subject: one')
        # An empty one too.
        own.ok('SELECT INBOX')
        own.ok('STORE 1 +FLAGS (\\Deleted)')
        own.ok('EXPUNGE')
        own.ok('RENAME INBOX Old/two')
        self.assertIn(b'MESSAGES 0', own.ok('STATUS Old/two (MESSAGES)'))
        own.no('RENAME INBOX Old/two', '[ALREADYEXISTS]')

    def test_copy_by_number_of_what_is_gone_copies_nothing(self):
        w, r, modseq = self.begin(6)
        for verb in ('COPY', 'MOVE'):
            for known in (True, False):
                late = self.start(select='INBOX')
                if known:
                    late.ok('FETCH 1 FLAGS')
                first = w.ok('UID SEARCH ALL').split()[2].decode()
                self.expunge(w, first)
                with self.subTest(verb=verb, known=known):
                    late.no(f'{verb} 1:2 Trash', '[EXPUNGEISSUED]')
                    late.no(f'{verb} 1 Trash', '[EXPUNGEISSUED]')
                    self.assertIn(b'MESSAGES 0', w.ok(
                        'STATUS Trash (MESSAGES)'))
        self.assertIn(b'MESSAGES 2', w.ok('STATUS INBOX (MESSAGES)'))
        # A uid that is gone names nothing; what else is named is copied.
        late = self.start(select='INBOX')
        late.ok('FETCH 1 FLAGS')
        self.expunge(w, 5)
        self.assertIn(b'[COPYUID ', late.ok('UID COPY 5,6 Trash'))
        self.assertIn(b'MESSAGES 1', w.ok('STATUS Trash (MESSAGES)'))

    def test_a_search_beyond_the_last_number_finds_nothing(self):
        w, r, modseq = self.begin()
        for keys, hits in (('999', ''), ('5:9', ''), ('3:9', '3 4'),
                           ('5:*', '4'), ('NOT 999', '1 2 3 4')):
            self.assertEqual(w.search(keys), hits)
        for command in ('FETCH 999 FLAGS', 'STORE 5 +FLAGS (\\Seen)',
                        'COPY 5 Trash'):
            w.bad(command)


if __name__ == '__main__':
    unittest.main()
