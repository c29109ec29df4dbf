"""Sending to another mail system, found by a real name server (nsd)."""
import email
import os
import re
import unittest

from harness import LiveTest, System
from nameserver import start_nsd
from test_tls import make_certificate

ZONE = '''mx IN A 127.0.0.1
dead IN A 127.0.0.2
good IN MX 10 dead.example.
good IN MX 20 mx.example.
null IN MX 0 .
implicit IN A 127.0.0.1
deadonly IN MX 10 dead.example.
us IN MX 10 mx.example.org.
dual IN AAAA ::1
dual IN A 127.0.0.2
dual IN A 127.0.0.1
manyaddresses IN MX 10 dual.example.
one IN A 127.0.0.1
two IN A 127.0.0.1
equal IN MX 10 one.example.
equal IN MX 10 two.example.
backup IN MX 10 mx.example.
backup IN MX 20 mx.example.org.
backup IN MX 30 worse.example.
worse IN A 127.0.0.1
down IN MX 10 dead.example.
down IN MX 20 mx.example.org.
down IN MX 20 mx.example.
down IN MX 30 worse.example.
'''


class Remote(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        start_nsd(s, {'example': ZONE})
        cls.far = System()
        make_certificate(cls.far.folder, 'far', 'mx.example')
        cls.far.set('hostname', 'mx.example')
        cls.far.set('tls.certificate', cls.far.folder + '/far.pem')
        cls.far.set('tls.key', cls.far.folder + '/far.key')
        cls.far.write_config()
        for domain in ('good.example', 'implicit.example',
                       'manyaddresses.example', 'equal.example',
                       'backup.example', 'down.example'):
            cls.far.add_domain(domain)
            cls.far.add_mailbox('bob@' + domain)
            cls.far.add_mailbox('eve@' + domain)
        s.set('remote.port', cls.far.serve('m3mta-smtp', 'smtp'))
        # The far system is on loopback, where the DNS alone leads nobody.
        s.set('remote.allow', {'networks': ['127.0.0.0/8', '::1']})
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org', '--may-relay')
        for domain in ('backup.example', 'down.example'):
            s.m3mta('domain', 'add', domain, '--delivery=backup')

    @classmethod
    def tearDownClass(cls):
        cls.far.close()
        super().tearDownClass()

    def submit(self, *recipients):
        d = self.dialog('m3mta-smtp', '--role', 'submission')
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp('AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=')
        d.smtp('MAIL FROM:<ann@example.org>')
        for address in recipients:
            self.assertTrue(
                d.smtp(f'RCPT TO:<{address}>').startswith('250'))
        d.smtp('DATA')
        d.send('Subject: far\r\n\r\n..dots\r\n.\r\n'.replace('\n..', '\n...'))
        self.assertTrue(d.reply()[0].startswith('250'))
        return self.system.mda().stderr.decode()

    def exists(self, system, address):
        owner = system.db.mailboxes.find_one({'_id': address})['owner']
        return system.db.folders.find_one(
            {'owner': owner, 'name': 'INBOX'})['exists']

    def last_bounce(self):
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY[]')
        return email.message_from_bytes(
            text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')])

    def status_of(self, report):
        self.assertEqual(report.get_content_type(), 'multipart/report')
        part = report.get_payload()[1]
        self.assertEqual(part.get_content_type(), 'message/delivery-status')
        return part.get_payload()[1]

    def test_second_mx_and_tls(self):
        before = self.exists(self.system, 'ann@example.org')
        self.submit('bob@good.example', 'eve@good.example')
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        self.far.mda()
        for who in ('bob', 'eve'):
            self.assertEqual(self.exists(self.far, f'{who}@good.example'), 1)
        # One session, one message for both.
        owners = [m['owner'] for m in self.far.db.mailboxes.find(
            {'domain': 'good.example'})]
        self.assertEqual(len({m['blob'] for m in self.far.db.messages.find(
            {'owner': {'$in': owners}})}), 1)
        d = self.dialog_with_far('bob@good.example')
        text = d.imap('b', 'FETCH 1 BODY[]')
        self.assertIn(b'with ESMTPS', text)
        self.assertIn(b'\r\n\r\n..dots\r\n', text)
        self.assertEqual(self.exists(self.system, 'ann@example.org'), before)

    def dialog_with_far(self, address):
        from harness import Dialog
        d = Dialog(self.far, 'm3mta-imap', '--preauth', address)
        self.addCleanup(d.close)
        d.line()
        d.imap('a', 'SELECT INBOX')
        return d

    def test_implicit_mx(self):
        self.submit('bob@implicit.example')
        self.far.mda()
        self.assertEqual(self.exists(self.far, 'bob@implicit.example'), 1)

    def test_every_address_is_tried(self):
        self.submit('bob@manyaddresses.example')
        self.far.mda()
        self.assertEqual(self.exists(self.far, 'bob@manyaddresses.example'),
                         1)

    def test_random_among_equals(self):
        hosts = {re.search(r'event=delivered .*host=(\S+)', self.submit(
            'bob@equal.example')).group(1) for _ in range(16)}
        self.assertEqual(hosts, {'one.example', 'two.example'})

    def test_backup_goes_to_better_hosts_only(self):
        log = self.submit('bob@backup.example')
        self.assertIn('host=mx.example ', log)
        # What is worse than we are, or as good, would send it back.
        self.submit('bob@down.example')
        item = self.system.db.queue.find_one(
            {'recipients.address': 'bob@down.example'})
        self.assertEqual(item['recipients'][0]['state'], 'P')
        self.assertEqual(item['attempts'], 1)
        self.far.mda()
        self.assertEqual(self.exists(self.far, 'bob@down.example'), 0)
        self.system.m3mta('queue', 'delete', str(item['_id']))

    def test_one_refused_is_one_bounce(self):
        self.submit('eve@implicit.example', 'nobody@implicit.example')
        self.far.mda()
        self.assertEqual(self.exists(self.far, 'eve@implicit.example'), 1)
        fields = self.status_of(self.last_bounce())
        self.assertEqual(fields['Final-Recipient'],
                         'rfc822; nobody@implicit.example')
        self.assertEqual(fields['Action'], 'failed')
        self.assertEqual(fields['Status'], '5.1.1')
        self.assertIn('550', fields['Diagnostic-Code'])

    def test_null_mx_and_no_such_domain(self):
        for address, status in (('a@null.example', '5.1.10'),
                                ('a@nowhere.example', '5.1.2'),
                                ('a@us.example', '5.4.6')):
            with self.subTest(address):
                self.submit(address)
                self.assertEqual(
                    self.status_of(self.last_bounce())['Status'], status)

    def test_dead_host_is_tried_again(self):
        self.submit('a@deadonly.example')
        item = self.system.db.queue.find_one(
            {'recipients.address': 'a@deadonly.example'})
        self.assertEqual(item['attempts'], 1)
        self.assertEqual(item['recipients'][0]['state'], 'P')
        wait = (item['next_at'] - item['created_at']).total_seconds()
        self.assertTrue(890 < wait < 1030, wait)
        self.system.m3mta('queue', 'delete', str(item['_id']))


if __name__ == '__main__':
    unittest.main()
