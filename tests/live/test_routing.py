"""Where mail goes: lists, aliases, catch-alls, smarthost with AUTH and TLS,
a mailbox's own relay, LMTP to another store, loops."""
import email
import unittest

from harness import Dialog, LiveTest, System
from limits import LIMITS
from test_tls import make_certificate


class Routing(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        for who in ('ann', 'bob', 'eve', 'owner'):
            s.add_mailbox(f'{who}@example.org')
        cls.far = System()
        make_certificate(cls.far.folder, 'far', 'localhost')
        cls.far.set('hostname', 'hub.example')
        cls.far.set('tls.certificate', cls.far.folder + '/far.pem')
        cls.far.set('tls.key', cls.far.folder + '/far.key')
        cls.far.settings['smtp'] = {}
        cls.far.write_config()
        cls.far.add_domain('far.example')
        cls.far.add_mailbox('kim@far.example')
        cls.far.add_mailbox('hub@far.example', '--may-relay',
                            password='hub secret')
        cls.far.m3mta('mailbox', 'set', 'hub@far.example',
                      '--sender=ann@example.org')
        cls.hub = cls.far.serve('m3mta-smtp', 'submission')
        cls.lmtp = cls.far.serve('m3mta-smtp', 'lmtp')

    @classmethod
    def tearDownClass(cls):
        cls.far.close()
        super().tearDownClass()

    def post(self, *recipients, sender='x@example.com', header='',
             options=(), login=None, fails=False):
        d = self.dialog('m3mta-smtp', *options)
        d.reply()
        d.smtp('EHLO me.example')
        if login:
            self.assertTrue(d.smtp(f'AUTH PLAIN {login}').startswith('235'))
        d.smtp(f'MAIL FROM:<{sender}>')
        for address in recipients:
            self.assertTrue(
                d.smtp(f'RCPT TO:<{address}>').startswith('250'), address)
        d.smtp('DATA')
        self.assertTrue(
            d.smtp(f'{header}Subject: x\r\n\r\nx\r\n.').startswith('250'))
        d.close()
        self.system.mda()

    def exists(self, address, system=None):
        system = system or self.system
        owner = system.db.mailboxes.find_one({'_id': address})['owner']
        return system.db.folders.find_one(
            {'owner': owner, 'name': 'INBOX'})['exists']

    def last(self, address, system=None):
        d = Dialog(system or self.system, 'm3mta-imap', '--preauth', address)
        self.addCleanup(d.close)
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY[]')
        return email.message_from_bytes(
            text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')])

    def test_list(self):
        s = self.system
        s.m3mta('list', 'add', 'news@example.org', 'ann@example.org',
                'bob@example.org', 'gone@example.org',
                '--owner=owner@example.org')
        before = [self.exists(f'{w}@example.org')
                  for w in ('ann', 'bob', 'owner')]
        self.post('news@example.org')
        message = self.last('bob@example.org')
        self.assertEqual(message['Return-Path'], '<owner@example.org>')
        self.assertEqual(message['List-Id'], '<news.example.org>')
        self.assertEqual(message['List-Post'], '<mailto:news@example.org>')
        # The member that is gone bounces to the owner, not to the sender.
        bounce = self.last('owner@example.org')
        self.assertEqual(bounce.get_content_type(), 'multipart/report')
        after = [self.exists(f'{w}@example.org')
                 for w in ('ann', 'bob', 'owner')]
        self.assertEqual([b - a for a, b in zip(before, after)], [1, 1, 1])
        s.verify()

    def test_list_of_lists_in_a_circle(self):
        s = self.system
        s.m3mta('list', 'add', 'one@example.org', 'ann@example.org',
                '--owner=owner@example.org')
        s.m3mta('list', 'add', 'two@example.org', 'one@example.org',
                'bob@example.org', '--owner=owner@example.org')
        s.db.mailboxes.update_one(
            {'_id': 'one@example.org'},
            {'$push': {'destinations': 'two@example.org'}})
        self.addCleanup(s.m3mta, 'list', 'remove', 'one@example.org')
        before = [self.exists(f'{w}@example.org') for w in ('ann', 'bob')]
        self.post('one@example.org')
        after = [self.exists(f'{w}@example.org') for w in ('ann', 'bob')]
        self.assertEqual([b - a for a, b in zip(before, after)], [1, 1])
        self.assertEqual(s.db.queue.count_documents({}), 0)

    def test_alias_chain_and_catchall(self):
        s = self.system
        s.m3mta('alias', 'add', 'a2@example.org', 'ann@example.org',
                'bob+tag@example.org')
        s.m3mta('alias', 'add', 'a1@example.org', 'a2@example.org',
                'ann@example.org')
        # As one could make it once; it has ways out.
        s.db.mailboxes.update_one(
            {'_id': 'a2@example.org'},
            {'$push': {'destinations': 'a1@example.org'}})
        self.addCleanup(s.m3mta, 'alias', 'remove', 'a2@example.org')
        self.addCleanup(s.m3mta, 'alias', 'remove', 'a1@example.org')
        s.m3mta('domain', 'add', 'all.example')
        s.m3mta('alias', 'add', '*@all.example', 'eve@example.org')
        before = [self.exists(f'{w}@example.org')
                  for w in ('ann', 'bob', 'eve')]
        self.post('a1@example.org', 'a2@example.org', 'who@all.example')
        after = [self.exists(f'{w}@example.org')
                 for w in ('ann', 'bob', 'eve')]
        self.assertEqual([b - a for a, b in zip(before, after)], [1, 1, 1])

    def test_limits_of_aliases(self):
        """Ten deep is enough, ten thousand are too many: the sender is told,
        and nobody gets a part of it."""
        s = self.system
        for i in reversed(range(12)):
            name = f'deep{i}@example.org'
            s.m3mta('alias', 'add', name, f'deep{i + 1}@example.org'
                    if 2 <= i < 11 else 'ann@example.org')
            self.addCleanup(s.m3mta, 'alias', 'remove', name)
        for i in (1, 0): # more than one can make
            s.db.mailboxes.update_one(
                {'_id': f'deep{i}@example.org'},
                {'$set': {'destinations': [f'deep{i + 1}@example.org']}})
        s.m3mta('alias', 'add', 'wide@example.org', 'ann@example.org')
        self.addCleanup(s.m3mta, 'alias', 'remove', 'wide@example.org')
        s.db.mailboxes.update_one({'_id': 'wide@example.org'}, {'$set': {
            'destinations': [f'u{i}@example.org' for i in range(
                LIMITS['LIMIT_ALIAS_FANOUT'] + 1)]}})
        before = self.exists('ann@example.org')
        for address, status, words in (
                ('deep0@example.org', '5.4.6', 'too deep'),
                ('wide@example.org', '5.3.0', 'too many recipients'),
                ('deep3@example.org', None, None)):
            with self.subTest(address):
                told = self.exists('bob@example.org')
                self.post(address, sender='bob@example.org')
                self.assertEqual(s.db.queue.count_documents({}), 0)
                if not status:
                    self.assertEqual(self.exists('bob@example.org'), told)
                    continue
                self.assertEqual(self.exists('bob@example.org'), told + 1)
                fields = self.last('bob@example.org').get_payload()[
                    1].get_payload()[1]
                self.assertEqual(fields['Status'], status)
                self.assertIn(words, fields['Diagnostic-Code'])
        self.assertEqual(self.exists('ann@example.org'), before + 1)

    def test_duplicates_are_removed(self):
        s = self.system
        s.m3mta('alias', 'add', 'dup@example.org', 'ann@example.org',
                'ANN@example.org', 'bob@example.org')
        before = [self.exists(f'{w}@example.org') for w in ('ann', 'bob')]
        self.post('dup@example.org', 'ann@example.org', 'Ann@Example.Org')
        after = [self.exists(f'{w}@example.org') for w in ('ann', 'bob')]
        self.assertEqual([b - a for a, b in zip(before, after)], [1, 1])

    def test_delivered_to_loop(self):
        """Through an alias: only the mda sees it."""
        self.system.m3mta('alias', 'add', 'to-ann@example.org',
                          'ann@example.org')
        self.post('to-ann@example.org', sender='bob@example.org',
                  header='Delivered-To: ann@example.org\r\n')
        bounce = self.last('bob@example.org')
        status = bounce.get_payload()[1].get_payload()[1]
        self.assertEqual(status['Status'], '5.4.6')
        self.assertEqual(self.system.db.queue.count_documents({}), 0)

    def forget_smarthost(self):
        self.system.settings.pop('remote', None)
        self.system.write_config()

    LOGIN = 'AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ='  # ann

    def test_smarthost_with_auth(self):
        self.system.m3mta('mailbox', 'set', 'ann@example.org', '--may-relay')
        self.system.settings['remote'] = {
            'route': f'127.0.0.1:{self.hub}', 'route.tls': 'must',
            'route.login': 'hub@far.example',
            'route.password': 'hub secret'}
        self.system.write_config()
        self.addCleanup(self.forget_smarthost)
        before = self.exists('kim@far.example', self.far)
        self.post('kim@far.example', sender='ann@example.org',
                  login=self.LOGIN)
        self.far.mda()
        self.assertEqual(self.exists('kim@far.example', self.far),
                         before + 1)
        self.assertIn('with ESMTPSA',
                      self.last('kim@far.example', self.far)['Received'])
        # A wrong password is ours to mend: the mail waits.
        self.system.settings['remote']['route.password'] = 'wrong'
        self.system.write_config()
        self.post('kim@far.example', sender='ann@example.org',
                  login=self.LOGIN)
        item = self.system.db.queue.find_one({})
        self.assertEqual(item['recipients'][0]['state'], 'P')
        self.assertEqual(item['recipients'][0]['status'], '4.7.8')
        self.assertNotIn('hub secret', str(item))
        self.system.db.queue.delete_many({})

    def test_mailboxs_own_relay(self):
        path = self.system.folder + '/password'
        with open(path, 'w') as f:
            f.write('hub secret\n')
        self.system.m3mta(
            'mailbox', 'set', 'ann@example.org', '--may-relay',
            f'--route=127.0.0.1:{self.hub}', '--route-login=hub@far.example',
            f'--route-password-file={path}')
        before = self.exists('kim@far.example', self.far)
        self.post('kim@far.example', sender='ann@example.org',
                  login=self.LOGIN)
        self.far.mda()
        self.assertEqual(self.exists('kim@far.example', self.far),
                         before + 1)
        self.system.m3mta('mailbox', 'set', 'ann@example.org', '--route=')

    def test_lmtp_route(self):
        self.system.m3mta('domain', 'add', 'far.example',
                          '--delivery=relay',
                          f'--route=lmtp:127.0.0.1:{self.lmtp}')
        self.addCleanup(self.system.m3mta, 'domain', 'remove', 'far.example')
        before = self.exists('kim@far.example', self.far)
        bounces = self.exists('bob@example.org')
        self.post('kim@far.example', 'nobody@far.example',
                  sender='bob@example.org')
        self.far.mda()
        self.assertEqual(self.exists('kim@far.example', self.far),
                         before + 1)
        self.assertIn('with LMTP',
                      self.last('kim@far.example', self.far)['Received'])
        self.assertEqual(self.exists('bob@example.org'), bounces + 1)


if __name__ == '__main__':
    unittest.main()
