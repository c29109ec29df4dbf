"""m3mta trace: from the socket to the folder and to the bounce."""
import json
import subprocess
import unittest

from harness import LiveTest, binary


class Trace(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')
        cls.system.add_mailbox('bob@example.org')

    def check_line(self, log, queue_id):
        """What the log says of an accepted message, in one line."""
        with open(log) as f:
            line = next(x for x in f if 'event=accepted' in x and
                        queue_id in x)
        for field in ('session=[0-9a-f]{16}', 'peer=unknown',
                      'from=ann@example.org',
                      'to="?bob@example.org,gone@example.org"?',
                      'recipients=2', 'size=[0-9]+', 'protocol=ESMTP',
                      'helo=a', 'tls=""', 'login=""', 'code=250',
                      'ms=[0-9]+', 'time=20[0-9T:.-]+Z'):
            self.assertRegex(line, ' ' + field + '( |$)')
        with open(log) as f:
            lines = [x for x in f if 'event=delivered' in x or
                     'event=failed' in x]
        for field in ('to=', 'mailbox=|host=', 'queue='):
            self.assertRegex(lines[0], ' (' + field + ')')

    def test_trace(self):
        s = self.system
        log = s.folder + '/mail.log'
        text = ''
        for subject in ('one', 'two'):
            text += ('MAIL FROM:<ann@example.org>\r\n'
                     'RCPT TO:<bob@example.org>\r\n'
                     'RCPT TO:<gone@example.org>\r\nDATA\r\n'
                     f'Subject: {subject}\r\n\r\nx\r\n.\r\n')
        s.add_mailbox('gone@example.org')
        with open(log, 'ab') as f:
            done = subprocess.run(
                [binary('m3mta-smtp'), '-c', s.config], check=True,
                input=f'EHLO a\r\n{text}QUIT\r\n'.encode(),
                stdout=subprocess.PIPE, stderr=f)
            ids = [line.split()[-1] for line in done.stdout.decode(
                ).splitlines() if 'queued as' in line]
            self.assertEqual(len(ids), 2)
            s.m3mta('mailbox', 'remove', 'gone@example.org', '--yes')
            subprocess.run([binary('m3mta-mda'), '-c', s.config],
                           check=True, stderr=f)
        self.check_line(log, ids[0])
        rows = s.m3mta_json('trace', ids[0], log)
        events = [r['event'] for r in rows]
        self.assertEqual(events[:2], ['connected', 'accepted'])
        self.assertEqual(events.count('accepted'), 1)
        self.assertIn('disconnected', events)
        self.assertEqual(events.count('delivered'), 2)
        self.assertEqual(events.count('failed'), 1)
        made = next(r for r in rows if r['event'] == 'made')
        # The bounce is followed to its own delivery.
        last = rows[-1]
        self.assertEqual(last['event'], 'delivered')
        self.assertIn(f"new={last['queue']}", made['details'])
        self.assertIn('mailbox=ann@example.org', last['details'])
        self.assertRegex(last['time'], r'^20\d\d-\d\d-\d\dT.*Z$')
        self.assertNotIn(ids[1], json.dumps(rows))
        table = s.m3mta('trace', ids[0], log)
        self.assertIn('it is not in the queue', table)
        s.m3mta('trace', 'ffffffffffffffffffffffff', log, code=1)
        s.m3mta('trace', 'nonsense', log, code=64)
        # As the journal prints it.
        with open(log) as f:
            lines = [f'2026-11-24T10:00:00+0000 host {x}' for x in f]
        done = s.run([binary('m3mta'), '-c', s.config, 'trace', ids[0],
                      '-'], data=''.join(lines).encode())
        self.assertIn(b'accepted', done.stdout)


if __name__ == '__main__':
    unittest.main()
