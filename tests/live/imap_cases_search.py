"""Rules 7 and 8 of the cases of IMAP (test_imap_cases.py has the table)."""
import re


class SearchRules:
    """Names and SEARCH."""

    # --- 7: names ------------------------------------------------------------

    def listed(self, s, what):
        """{name: attributes} of a LIST."""
        found = {}
        for line in s.ok(f'LIST {what}').split(b'\r\n'):
            m = re.match(rb'\* LIST \(([^)]*)\) "/" "?(.*?)"?(?: \(.*)?$',
                         line)
            if m:
                found[m.group(2).decode()] = set(m.group(1).decode().split())
        return found

    def test_list(self):
        s = self.start()
        for name in ('foo', 'foo/bar', 'foo/bar/deep', 'other'):
            s.ok(f'CREATE {name}')
        s.ok('SUBSCRIBE foo/bar')
        s.ok('SUBSCRIBE gone/away')
        for what, want in (
                ('"" foo', {'foo'}), ('"" %', {
                    'INBOX', 'Drafts', 'Sent', 'Junk', 'Trash', 'Archive',
                    'foo', 'other'}), ('"" "foo/%"', {'foo/bar'}),
                ('foo/ %', {'foo/bar'}), ('"" foo*', {
                    'foo', 'foo/bar', 'foo/bar/deep'}),
                ('"" "%/%"', {'foo/bar'}), ('foo/bar/ *', {'foo/bar/deep'}),
                ('"" inbox', {'INBOX'}), ('"" iNBox', {'INBOX'}),
                ('"" nothing', set()), ('"" (foo oth%)', {'foo', 'other'}),
                ('(SUBSCRIBED) "" "foo*"', {'foo/bar'}),
                ('(SUBSCRIBED) "" "gone/*"', {'gone/away'}),
                ('(SUBSCRIBED RECURSIVEMATCH) "" foo', {'foo'}),
                ('(SPECIAL-USE) "" *', {'Drafts', 'Sent', 'Junk', 'Trash',
                                        'Archive'}),
                ('(REMOTE) "" other', {'other'})):
            self.assertEqual(set(self.listed(s, what)), want, what)
        self.assertIn(b'* LIST (\\Noselect) "/" ""\r\n', s.ok('LIST "" ""'))
        flags = self.listed(s, '"" * RETURN (CHILDREN SUBSCRIBED '
                               'SPECIAL-USE)')
        self.assertIn(r'\HasChildren', flags['foo'])
        self.assertIn(r'\HasNoChildren', flags['other'])
        self.assertIn(r'\Subscribed', flags['foo/bar'])
        self.assertNotIn(r'\Subscribed', flags['foo'])
        self.assertEqual(flags['Sent'] & {r'\Sent'}, {r'\Sent'})
        flags = self.listed(s, '(SUBSCRIBED) "" *')
        self.assertIn(r'\NonExistent', flags['gone/away'])
        self.assertIn(r'\Subscribed', flags['gone/away'])
        answer = s.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" foo')
        self.assertIn(b'(CHILDINFO ("SUBSCRIBED"))', answer)
        s.bad('LIST (RECURSIVEMATCH) "" *')
        s.bad('LIST (FROB) "" *')
        s.bad('LIST "" * RETURN (FROB)')
        self.assertIn(b'"gone/away"', s.ok('LSUB "" *'))
        self.assertIn(b'* LSUB (\\Noselect) "/" "gone"', s.ok('LSUB "" %'))

    def test_list_status(self):
        """STATUS of all folders, in a bounded number of queries."""
        s = self.start()
        for i in range(30):
            s.ok(f'CREATE b{i}')
        s.append(folder='b7')
        db = self.system.db
        db.command('profile', 2)
        try:
            answer = s.ok('LIST "" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT '
                          'UIDVALIDITY SIZE HIGHESTMODSEQ))')
        finally:
            db.command('profile', 0)
        self.assertEqual(answer.count(b'* STATUS '), 36)
        self.assertRegex(answer, rb'\* STATUS "?b7"? \(MESSAGES 1 UNSEEN 1 ')
        asked = list(db['system.profile'].find({'appName': 'm3mta-imap'}))
        self.assertGreater(len(asked), 0)
        self.assertLess(len(asked), 5, asked)

    def test_names(self):
        s, u = self.start(), self.start('UTF8=ACCEPT')
        s.ok('CREATE "Entw&APw-rfe/&U,BTFw-"')
        answer = s.ok('LIST "" "Entw*"')
        self.assertIn(b'"Entw&APw-rfe"', answer)
        self.assertIn(b'"Entw&APw-rfe/&U,BTFw-"', answer)
        answer = u.ok('LIST "" "Entw*"')
        self.assertIn('"Entwürfe/台北"'.encode(), answer)
        u.ok('SELECT "Entwürfe/台北"')
        u.ok('CREATE "A&B"')
        self.assertIn(b'"A&-B"', s.ok('LIST "" A*'))
        for bad in ('&', '&-&', '&AAA', '&2AA-', '&AGE-'):
            s.no(f'CREATE {bad}')
        # Real parents, and a trailing separator.
        s.ok('CREATE x/y/z/')
        for name in ('x', 'x/y', 'x/y/z'):
            s.ok(f'SELECT {name}')
        s.ok('UNSELECT')
        # INBOX in any case; it stays when it is renamed.
        s.append(2, folder='inBOX')
        s.ok('RENAME inbox Old')
        self.assertIn(b'MESSAGES 2', s.ok('STATUS Old (MESSAGES)'))
        self.assertIn(b'* 0 EXISTS', s.ok('SELECT InBox'))
        s.ok('CREATE Inbox/sub')
        self.assertIn(b'"INBOX/sub"', s.ok('LIST "" INBOX*'))
        for name in ('INBOX', 'inbox', 'x', 'Old'):
            s.no(f'CREATE {name}')
        s.no('RENAME x x/y/q')
        s.no('RENAME nowhere y')
        s.no('RENAME Old x')
        s.no('DELETE inbox')
        s.ok('RENAME x q')
        self.assertEqual(set(self.listed(s, '"" "q*"')),
                         {'q', 'q/y', 'q/y/z'})

    # --- 8: SEARCH -----------------------------------------------------------

    def fill(self, s):
        mails = [
            (b'From: Ann <ann@x.example>\r\nTo: Bob <bob@y.example>\r\n'
             b'Cc: Carl <carl@z.example>\r\nBcc: dora@w.example\r\nSubject: '
             b'First things\r\nX-Tag: alpha\r\nDate: Tue, 1 Feb 1994 '
             b'23:30:00 -0800\r\n\r\nneedle in text\r\n',
             r'\Seen \Answered', '" 5-Mar-1999 10:00:00 +0000" '),
            (b'From: bob@y.example\r\nTo: ann@x.example\r\nSubject: =?utf-8'
             b'?q?Stra=C3=9Fe?=\r\nContent-Type: text/plain; charset=koi8-r'
             b'\r\n\r\n\xd0\xd2\xc9\xd7\xc5\xd4\r\n', r'\Flagged $Work',
             '" 6-Mar-1999 00:30:00 +0200" '),
            (b'Subject: bin\r\nContent-Type: multipart/mixed; boundary=q\r\n'
             b'\r\n--q\r\nContent-Type: text/html\r\n'
             b'Content-Transfer-Encoding: base64\r\n\r\n'
             b'PGI+SGlkZGVuPC9iPg==\r\n--q\r\n'
             b'Content-Type: application/octet-stream\r\n'
             b'Content-Transfer-Encoding: base64\r\n\r\nbmVlZGxl\r\n--q--\r\n',
             r'\Deleted', '" 7-Mar-2020 10:00:00 +0000" '),
            (b'Subject: draft\r\nX-Tag:\r\n\r\n' + b'x' * 3000 + b'\r\n',
             r'\Draft', ''),
        ]
        for text, flags, date in mails:
            s.append(text=text, flags=flags, date=date)

    def test_search_keys(self):
        s = self.start(select='INBOX')
        self.fill(s)
        for keys, want in (
                ('ALL', '1 2 3 4'), ('ANSWERED', '1'), ('UNANSWERED', '2 3 4'),
                ('DELETED', '3'), ('UNDELETED', '1 2 4'), ('DRAFT', '4'),
                ('UNDRAFT', '1 2 3'), ('FLAGGED', '2'),
                ('UNFLAGGED', '1 3 4'), ('SEEN', '1'), ('UNSEEN', '2 3 4'),
                ('RECENT', '1 2 3 4'), ('NEW', '2 3 4'), ('OLD', ''),
                ('KEYWORD $Work', '2'), ('KEYWORD $WORK', '2'),
                ('UNKEYWORD $Work', '1 3 4'), ('KEYWORD $none', ''),
                ('FROM ann', '1'), ('FROM ANN@X', '1'), ('TO bob', '1'),
                ('CC carl', '1'), ('BCC dora', '1'), ('SUBJECT FIRST', '1'),
                ('SUBJECT "first things"', '1'), ('HEADER X-Tag ALPH', '1'),
                ('HEADER X-Tag ""', '1 4'), ('HEADER X-None ""', ''),
                ('HEADER x-tag alpha FROM ann', '1'),
                ('BODY needle', '1'), ('TEXT needle', '1'),
                ('TEXT "X-Tag: alpha"', '1'), ('BODY "X-Tag"', ''),
                ('BODY hidden', '3'), ('LARGER 2000', '4'),
                ('SMALLER 2000', '1 2 3'), ('UID 2:3', '2 3'),
                ('2:3', '2 3'), ('*', '4'), ('1,3:*', '1 3 4'),
                ('NOT SEEN', '2 3 4'), ('OR SEEN FLAGGED', '1 2'),
                ('OR (SEEN ANSWERED) (FLAGGED NOT DRAFT)', '1 2'),
                ('(SEEN) (ANSWERED)', '1'), ('NOT (NOT (SEEN))', '1'),
                ('SEEN FLAGGED', ''),
                ('CHARSET US-ASCII TEXT needle', '1'),
                ('CHARSET UTF-8 SUBJECT {7+}\r\nstraße', '2'),
                ('CHARSET UTF-8 SUBJECT STRASSE', '2'),
                ('CHARSET UTF-8 BODY {12+}\r\nПРИВЕТ', '2')):
            self.assertEqual(s.search(keys), want, keys)
        koi = 'привет'.encode('koi8-r')
        s.send(b'a SEARCH CHARSET KOI8-R BODY {%d+}\r\n' % len(koi) + koi +
               b'\r\n')
        self.assertIn(b'* SEARCH 2\r\n', s.until('a'))
        s.no('SEARCH CHARSET X-NONE ALL', '[BADCHARSET')
        for bad in ('', 'FROB', 'NOT', 'OR SEEN', 'KEYWORD', 'BEFORE x',
                    'ON 31-Feb-2020', 'LARGER x', '()', 'HEADER a',
                    'NOT ' * 1000 + 'SEEN', 'OR ' * 1000 + 'SEEN ' * 1001,
                    '(' * 30 + 'ALL' + ')' * 30):
            s.bad(f'SEARCH {bad}')

    def test_search_dates(self):
        s = self.start(select='INBOX')
        self.fill(s)
        for keys, want in (
                # INTERNALDATE is kept and shown in UTC: 00:30 +0200 is the
                # day before.
                ('ON 5-Mar-1999', '1 2'), ('BEFORE 5-Mar-1999', ''),
                ('BEFORE 6-Mar-1999', '1 2'), ('SINCE 7-Mar-2020', '3 4'),
                ('SINCE 5-Mar-1999 BEFORE 7-Mar-2020', '1 2'),
                # The Date field's own day; without one there is none.
                ('SENTON 1-Feb-1994', '1'), ('SENTBEFORE 2-Feb-1994', '1'),
                ('SENTSINCE 2-Feb-1994', ''),
                ('YOUNGER 3600', '4'), ('OLDER 3600', '1 2 3'),
                ('SAVEDSINCE 1-Jan-2020', '1 2 3 4'),
                ('SAVEDBEFORE 1-Jan-2020', '')):
            self.assertEqual(s.search(keys), want, keys)

    def test_search_returns(self):
        s = self.start(select='INBOX')
        self.fill(s)
        for options, keys, want in (
                ('MIN', 'UNSEEN', 'MIN 2'), ('MAX', 'UNSEEN', 'MAX 4'),
                ('COUNT', 'UNSEEN', 'COUNT 3'), ('ALL', 'UNSEEN', 'ALL 2:4'),
                ('', 'UNSEEN', 'ALL 2:4'), ('MIN MAX', 'UNSEEN',
                                            'MIN 2 MAX 4'),
                ('MIN COUNT', 'KEYWORD $none', 'COUNT 0'),
                ('ALL', 'KEYWORD $none', None),
                ('PARTIAL 1:2', 'UNSEEN', 'PARTIAL (1:2 2:3)'),
                ('PARTIAL -1:-2', 'UNSEEN', 'PARTIAL (-1:-2 3:4)'),
                ('PARTIAL 10:20', 'UNSEEN', 'PARTIAL (10:20 NIL)')):
            answer = s.ok(f'SEARCH RETURN ({options}) {keys}')
            line = answer.split(b'\r\n')[0].decode()
            self.assertEqual(line, '* ESEARCH (TAG "a")' +
                             (f' {want}' if want else ''), (options, keys))
        self.assertIn(b'* ESEARCH (TAG "a") UID ALL 2:4',
                      s.ok('UID SEARCH RETURN () UNSEEN'))
        # SEARCHRES: $ lives until the next one and follows expunges.
        other = self.start(select='INBOX')
        s.ok('SEARCH RETURN (SAVE) UNSEEN')
        self.assertEqual(s.search('$'), '2 3 4')
        other.ok('UID EXPUNGE 3')
        s.ok('NOOP')
        self.assertEqual(s.search('UID $'), '2 3')
        self.assertEqual(s.ok('FETCH $ UID').count(b' FETCH '), 2)
        s.ok('SEARCH RETURN (SAVE MIN) UNSEEN')
        self.assertEqual(s.search('$'), '2')
        s.ok('SEARCH RETURN (SAVE) KEYWORD $none')
        self.assertEqual(s.search('$'), '')
        self.assertNotIn(b'FETCH (', s.ok('FETCH $ UID'))
        s.bad('SEARCH RETURN (FROB) ALL')
        s.bad('SEARCH RETURN (PARTIAL 0:1) ALL')
