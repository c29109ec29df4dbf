"""SORT, ESORT, THREAD and PARTIAL against a reference in Python."""
import email.utils
import random
import re
import unittest

from harness import LiveTest

NAMES = ['Zo\u00eb Ant <zoe@b.example>', 'bob@a.example', 'Ann B <c@c.c>',
         '"=?utf-8?q?=C3=84rger?=" <x@y.z>', '']
SUBJECTS = ['Re: lunch', 'lunch', '[list] Re: lunch (fwd)', 'Zebra', 'apple',
            '=?utf-8?b?w5xiZXI=?=', '\u00fcber', '']


class Sort(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')
        r = random.Random(7)
        cls.messages = []
        d = cls.connect(cls)
        for i in range(200):
            m = {'n': i + 1, 'date': r.randrange(10**9, 2 * 10**9),
                 'from': r.choice(NAMES), 'subject': r.choice(SUBJECTS),
                 'arrival': r.randrange(10**9, 2 * 10**9)}
            refs = ' '.join(f'<{r.randrange(200)}@x>'
                            for _ in range(r.randrange(3)))
            text = (f"From: {m['from']}\r\nSubject: {m['subject']}\r\n"
                    f"Date: {email.utils.formatdate(m['date'])}\r\n"
                    f'Message-ID: <{i}@x>\r\nReferences: {refs}\r\n\r\n' +
                    'x' * r.randrange(500)).encode()
            m['size'] = len(text)
            cls.messages.append(m)
            stamp = email.utils.formatdate(m['arrival'])
            day = re.match(r'..., (\d+) (...) (\d+) (\S+)', stamp).groups()
            d.send(b'a APPEND INBOX "%2s-%s-%s %s +0000" {%d+}\r\n%s\r\n' % (
                day[0].encode(), day[1].encode(), day[2].encode(),
                day[3].encode(), len(text), text))
            assert b'a OK' in d.until('a')
        d.close()

    def connect(self):
        from harness import Dialog
        d = Dialog(self.system, 'm3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        return d

    def setUp(self):
        self.d = self.connect()
        self.addCleanup(self.d.close)
        self.d.imap('s', 'SELECT INBOX')

    def sort(self, criteria, keys='ALL', uid=''):
        text = self.d.imap('a', f'{uid}SORT ({criteria}) UTF-8 {keys}')
        self.assertIn(b'a OK', text)
        line = text.split(b'\r\n')[0].decode()
        self.assertTrue(line.startswith('* SORT'))
        return [int(x) for x in line.split()[2:]]

    def by(self, key, reverse=False):
        return [m['n'] for m in sorted(
            self.messages, key=lambda m: (key(m), m['n'])
            if not reverse else (-key(m), m['n']))]

    def test_numbers(self):
        for name in ('date', 'arrival', 'size'):
            self.assertEqual(self.sort(name.upper()),
                             self.by(lambda m, name=name: m[name]))
            self.assertEqual(self.sort('REVERSE ' + name.upper()),
                             self.by(lambda m, name=name: m[name], True))

    def test_texts(self):
        base = {'Re: lunch': 'lunch', '[list] Re: lunch (fwd)': 'lunch',
                '=?utf-8?b?w5xiZXI=?=': 'u\u0308ber',
                '\u00fcber': 'u\u0308ber'}
        self.assertEqual(
            self.sort('SUBJECT REVERSE DATE'),
            [m['n'] for m in sorted(self.messages, key=lambda m: (
                base.get(m['subject'], m['subject']).lower().encode(),
                -m['date'], m['n']))])
        box = {'': '', NAMES[0]: 'zoe', NAMES[1]: 'bob', NAMES[2]: 'c',
               NAMES[3]: 'x'}
        self.assertEqual(self.sort('FROM'),
                         self.by(lambda m: box[m['from']]))
        shown = {'': '', NAMES[0]: 'zoe\u0308 ant', NAMES[1]:
                 'bob@a.example', NAMES[2]: 'ann b', NAMES[3]:
                 'a\u0308rger'}
        self.assertEqual(self.sort('DISPLAYFROM'),
                         self.by(lambda m: shown[m['from']].encode()))

    def test_keys_and_uid(self):
        self.assertEqual(
            self.sort('SIZE', 'SUBJECT zebra', uid='UID '),
            [n for n in self.by(lambda m: m['size'])
             if self.messages[n - 1]['subject'] == 'Zebra'])
        self.assertEqual(self.sort('SIZE', 'SUBJECT nothing'), [])

    def test_esort(self):
        order = self.sort('DATE')
        text = self.d.imap('a', 'SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 '
                                'ALL')
        self.assertIn(b'* ESEARCH (TAG "a") MIN %d MAX %d COUNT 200\r\n' % (
            order[0], order[-1]), text)
        text = self.d.imap('a', 'SORT RETURN (PARTIAL 11:13) (DATE) UTF-8 '
                                'ALL')
        self.assertIn(b'PARTIAL (11:13 %d,%d,%d)\r\n' % tuple(order[10:13]),
                      text)
        text = self.d.imap('a', 'UID SEARCH RETURN (PARTIAL -1:-3) ALL')
        self.assertIn(b'* ESEARCH (TAG "a") UID PARTIAL (-1:-3 198:200)',
                      text)
        text = self.d.imap('a', 'SEARCH RETURN (PARTIAL 500:600) ALL')
        self.assertIn(b'PARTIAL (500:600 NIL)', text)
        text = self.d.imap('a', 'UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)')
        self.assertEqual(re.findall(rb'\* (\d+) FETCH', text),
                         [b'199', b'200'])
        self.d.imap('a', 'SORT RETURN (SAVE) (DATE) UTF-8 SUBJECT zebra')
        text = self.d.imap('a', 'SEARCH RETURN (COUNT) $')
        self.assertIn(b'COUNT %d' % len(
            [m for m in self.messages if m['subject'] == 'Zebra']), text)

    def test_thread(self):
        for algorithm in ('REFERENCES', 'ORDEREDSUBJECT'):
            text = self.d.imap('a', f'THREAD {algorithm} UTF-8 ALL')
            self.assertIn(b'a OK', text)
            line = text.split(b'\r\n')[0]
            self.assertEqual(line.count(b'('), line.count(b')'))
            # Each message once.
            self.assertEqual(
                sorted(int(x) for x in re.findall(rb'\d+', line)),
                list(range(1, 201)))
        text = self.d.imap('a', 'UID THREAD ORDEREDSUBJECT UTF-8 SUBJECT '
                                'zebra')
        order = [n for n in self.by(lambda m: m['date'])
                 if self.messages[n - 1]['subject'] == 'Zebra']
        self.assertIn(b'* THREAD (%d (%d)' % tuple(order[:2]), text)
        text = self.d.imap('a', 'THREAD REFERENCES UTF-8 SUBJECT nothing')
        self.assertTrue(text.startswith(b'* THREAD\r\n'))

    def test_bad(self):
        for command, answer in (
                ('SORT () UTF-8 ALL', b'BAD'), ('SORT (FOO) UTF-8 ALL',
                                                b'BAD'),
                ('SORT (REVERSE) UTF-8 ALL', b'BAD'),
                ('SORT (DATE) UTF-8', b'BAD'), ('SORT DATE UTF-8 ALL',
                                                b'BAD'),
                ('SORT (DATE) X-FOO ALL', b'NO [BADCHARSET'),
                ('THREAD FOO UTF-8 ALL', b'BAD'),
                ('THREAD REFERENCES UTF-8', b'BAD'),
                ('SORT RETURN (PARTIAL 1:-1) (DATE) UTF-8 ALL', b'BAD'),
                ('SORT RETURN (ALL PARTIAL 1:2) (DATE) UTF-8 ALL', b'BAD'),
                ('FETCH 1:* (FLAGS) (PARTIAL 1:2)', b'BAD')):
            self.assertTrue(self.d.imap('a', command).startswith(
                b'a ' + answer), command)


if __name__ == '__main__':
    unittest.main()
