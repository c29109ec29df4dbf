"""2,000 messages from 8 connections to 50 mailboxes: all delivered, each
once, uids rising as two readers see them, counters equal to what is there."""
import smtplib
import threading
import time
import unittest

from harness import LiveTest, wait_for

MESSAGES, CONNECTIONS, MAILBOXES = 2000, 8, 50


class Many(LiveTest):
    settings = {'server__max_use': 100, 'mda__workers': 2}

    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        hashed = None
        for i in range(MAILBOXES):
            if hashed is None:
                s.add_mailbox('u0@example.org')
                hashed = s.db.mailboxes.find_one(
                    {'_id': 'u0@example.org'})['password']
            else:
                s.m3mta('mailbox', 'add', f'u{i}@example.org',
                        '--no-password')
                s.db.mailboxes.update_one({'_id': f'u{i}@example.org'},
                                          {'$set': {'password': hashed}})
                s.passwords[f'u{i}@example.org'] = 'secret'
        cls.smtp_port = s.serve('m3mta-smtp', 'smtp')
        cls.imap_port = s.serve('m3mta-imap', 'imap')
        s.start_mda()

    def sender(self, number):
        with smtplib.SMTP('127.0.0.1', self.smtp_port, timeout=60) as c:
            for i in range(number, MESSAGES, CONNECTIONS):
                c.sendmail('s@example.net',
                           [f'u{i % MAILBOXES}@example.org'],
                           f'Subject: m{i}\r\n\r\nbody {i}\r\n')

    def reader(self, stop, seen):
        """Follows u0's INBOX by NOOP; every uid must be above the last."""
        client = self.system.imap(self.imap_port, 'u0@example.org')
        client.select('INBOX')
        while not stop.is_set():
            client.noop()
            last = seen[-1] if seen else 0
            data = client.uid('FETCH', f'{last + 1}:*', '(UID)')[1]
            for line in data:
                if line:
                    uid = int(line.split(b'UID ')[1].split(b')')[0])
                    if uid > last:
                        seen.append(uid)
            time.sleep(0.01)
        client.logout()

    def test_all_arrive_once(self):
        stop = threading.Event()
        seen = [[], []]
        readers = [threading.Thread(target=self.reader, args=(stop, v))
                   for v in seen]
        senders = [threading.Thread(target=self.sender, args=(i,))
                   for i in range(CONNECTIONS)]
        for t in readers + senders:
            t.start()
        for t in senders:
            t.join()
        folders = self.system.db.folders

        def delivered():
            n = sum(f['exists'] for f in folders.find(
                {'name': 'INBOX'}, {'exists': 1}))
            return n == MESSAGES
        wait_for(delivered, 60, 'delivery of all')
        each = MESSAGES // MAILBOXES
        wait_for(lambda: all(len(v) == each for v in seen), 10, 'readers')
        stop.set()
        for t in readers:
            t.join()
        self.assertEqual(seen[0], list(range(1, each + 1)))
        self.assertEqual(seen[1], seen[0])
        self.system.verify()
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        self.assertEqual(
            len({m['blob'] for m in self.system.db.messages.find(
                {}, {'blob': 1})}), MESSAGES)
        client = self.system.imap(self.imap_port, 'u7@example.org')
        client.select('INBOX')
        found = client.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1]
        subjects = {p[1].strip() for p in found if isinstance(p, tuple)}
        self.assertEqual(subjects, {
            f'Subject: m{i}'.encode()
            for i in range(7, MESSAGES, MAILBOXES)})
        client.logout()


if __name__ == '__main__':
    unittest.main()
