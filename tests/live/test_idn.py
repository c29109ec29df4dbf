"""Both spellings of a domain, in letters (U-labels) and in A-labels, are one
domain: in the directory, at RCPT, for logins, senders and commands."""
import base64
import unittest

from harness import LiveTest, System

LETTERS, ASCII = 'bücher.example', 'xn--bcher-kva.example'
SPELLINGS = [LETTERS, ASCII, 'BÜCHER.example', 'XN--BCHER-KVA.Example',
             'bu\u0308cher.example']
MESSAGE = b'Subject: x\r\n\r\nx\r\n.\r\n'


def plain(name):
    return base64.b64encode(f'\0{name}\0secret'.encode()).decode()


class Spellings(LiveTest):
    settings = {'smtp__sender': {'local': 'login'}}

    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain(LETTERS)
        s.add_mailbox('eva@' + ASCII)
        s.add_mailbox('bob@' + LETTERS)
        s.passwords['bob@' + ASCII] = 'secret'
        s.m3mta('alias', 'add', 'info@' + LETTERS, 'eva@' + LETTERS)
        s.m3mta('list', 'add', 'all@' + LETTERS, 'eva@' + LETTERS,
                'bob@' + ASCII, '--owner=eva@' + LETTERS)

    def start(self, *options):
        d = self.dialog('m3mta-smtp', *options)
        self.assertEqual(d.reply()[0][:4], '220 ')
        self.assertEqual(d.smtp('EHLO me.example')[:4], '250 ')
        return d

    def test_one_domain_cannot_be_added_in_its_other_spelling(self):
        for name in SPELLINGS:
            self.system.m3mta('domain', 'add', name, code=1)
        self.assertEqual([d['_id'] for d in self.system.db.domains.find()],
                         [ASCII])

    def test_a_domain_that_is_no_name_is_refused(self):
        for name in ('a\u202eb.example', 'a\u00a0b.example'):
            self.system.m3mta('domain', 'add', name, code=64)

    def test_rcpt_takes_each_spelling(self):
        for name in SPELLINGS:
            for local in ('eva', 'EVA', 'info', 'all', 'eva+tag'):
                with self.subTest(name=name, local=local):
                    d = self.start()
                    d.smtp('MAIL FROM:<x@example.net> SMTPUTF8')
                    reply = d.smtp(f'RCPT TO:<{local}@{name}>')
                    self.assertEqual(reply[:9], '250 2.1.5')

    def test_two_spellings_in_one_message_are_one_delivery(self):
        d = self.start()
        d.smtp('MAIL FROM:<x@example.net> SMTPUTF8')
        for name in SPELLINGS:
            self.assertEqual(d.smtp(f'RCPT TO:<bob@{name}>')[:3], '250')
        d.smtp('DATA')
        self.assertEqual(d.smtp(MESSAGE)[:3], '250')
        self.system.mda()
        port = self.system.serve('m3mta-imap', 'imap')
        imap = self.system.imap(port, 'bob@' + ASCII)
        self.assertEqual(imap.select()[1], [b'1'])

    def test_a_login_takes_each_spelling(self):
        for name in SPELLINGS:
            with self.subTest(name=name):
                d = self.start('--role', 'submission')
                self.assertEqual(
                    d.smtp('AUTH PLAIN ' + plain('eva@' + name))[:3], '235')
                i = self.dialog('m3mta-imap')
                i.line()
                self.assertIn(b'a OK', i.imap(
                    'a', 'AUTHENTICATE PLAIN ' + plain('eva@' + name)))

    def test_a_login_sends_as_itself_in_each_spelling(self):
        d = self.start('--role', 'submission')
        d.smtp('AUTH PLAIN ' + plain('eva@' + LETTERS))
        for name in SPELLINGS:
            with self.subTest(name=name):
                reply = d.smtp(f'MAIL FROM:<eva@{name}> SMTPUTF8')
                self.assertEqual(reply[:3], '250')
                d.smtp('RSET')

    def test_a_sender_of_ours_is_ours_in_each_spelling(self):
        for name in SPELLINGS:
            with self.subTest(name=name):
                d = self.start()
                d.smtp(f'MAIL FROM:<eva@{name}> SMTPUTF8')
                reply = d.smtp(f'RCPT TO:<bob@{name}>')
                self.assertEqual(reply[:9], '550 5.7.1')

    def test_commands_take_each_spelling(self):
        s = self.system
        for name in SPELLINGS:
            with self.subTest(name=name):
                self.assertIn(ASCII, s.m3mta('domain', 'show', name))
                self.assertIn('eva@', s.m3mta('mailbox', 'list', name))
                self.assertIn('eva@', s.m3mta('mailbox', 'show', 'eva@' + name))
                s.m3mta('domain', 'set', name, '--tls=may')
                s.m3mta('mailbox', 'set', 'eva@' + name, '--quota=1G')

    def test_a_folder_is_shared_with_either_spelling(self):
        i = self.dialog('m3mta-imap')
        i.line()
        i.imap('a', 'AUTHENTICATE PLAIN ' + plain('eva@' + LETTERS))
        name = ('bob@' + LETTERS).encode()
        i.send(b'b SETACL INBOX {%d+}\r\n%s lr\r\n' % (len(name), name))
        self.assertIn(b'b OK', i.until('b'))
        self.assertRegex(i.imap('c', 'GETACL INBOX'),
                         rb'bob@%s"? lr' % ASCII.encode())

    # --- what an older version kept ---------------------------------------------

    def unfold(self, s):
        """The directory as it was when a domain was kept as it was given."""
        def old(text):
            return text.replace(ASCII, LETTERS)
        for name, fields in (('domains', ()), ('mailboxes', ('domain',))):
            for doc in list(s.db[name].find({'_id': {'$regex': ASCII}})):
                s.db[name].delete_one({'_id': doc['_id']})
                doc['_id'] = old(doc['_id'])
                for field in fields:
                    doc[field] = old(doc[field])
                for field in ('destinations', 'senders'):
                    if field in doc:
                        doc[field] = [old(x) for x in doc[field]]
                s.db[name].insert_one(doc)
        for doc in list(s.db.folders.find()):
            s.db.folders.update_one({'_id': doc['_id'],
                                     'owner': doc['owner']}, {'$set': dict(
                {'mailbox': old(doc['mailbox'])}, **(
                    {'acl': [dict(x, i=old(x['i'])) for x in doc['acl']]}
                    if 'acl' in doc else {}))})
        for doc in list(s.db.shares.find()):
            s.db.shares.update_one({'_id': doc['_id']}, {'$set': {
                'identifier': old(doc['identifier'])}})
        s.db.config.update_one({'_id': 'schema'}, {'$set': {'number': 3}})

    def older(self):
        s = System()
        self.addCleanup(s.close)
        s.add_domain(LETTERS)
        s.add_domain('example.org')
        for who in ('eva@' + ASCII, 'bob@' + ASCII, 'ann@example.org'):
            s.add_mailbox(who)
        s.m3mta('mailbox', 'set', 'ann@example.org', '--sender=eva@' + ASCII)
        s.m3mta('alias', 'add', 'both@example.org', 'eva@' + ASCII,
                'bob@' + ASCII)
        s.m3mta('catchall', 'add', LETTERS, 'bob@' + ASCII)
        s.m3mta('acl', 'set', 'bob@' + ASCII, 'INBOX', 'eva@' + ASCII, 'lr')
        s.m3mta('acl', 'set', 'bob@' + ASCII, 'INBOX', 'ann@example.org',
                'lr')
        return s

    def picture(self, s):
        return {name: sorted((str(d) for d in s.db[name].find(
            {}, {'names': 0, 'shared': 0, 'annotated': 0})))
            for name in ('domains', 'mailboxes', 'folders', 'shares')}

    def test_init_folds_the_domains_of_an_older_version(self):
        s = self.older()
        want = self.picture(s)
        self.unfold(s)
        self.assertNotEqual(self.picture(s), want)
        for _ in range(2):
            s.m3mta('init')
            self.assertEqual(
                [d['_id'] for d in s.db.domains.find().sort('_id')],
                ['example.org', ASCII])
            for name in ('mailboxes', 'folders', 'shares'):
                self.assertNotIn(LETTERS, ''.join(self.picture(s)[name]))
            s.verify()
        self.assertEqual(s.db.domains.find_one(ASCII)['addresses'], 3)
        self.assertEqual(
            s.db.mailboxes.find_one('both@example.org')['destinations'],
            ['eva@' + ASCII, 'bob@' + ASCII])
        port = s.serve('m3mta-imap', 'imap')
        imap = s.imap(port, 'eva@' + ASCII)
        self.assertIn(b'bob@' + ASCII.encode(),
                      b''.join(imap.list('"Other Users/"', '*')[1]))

    def test_init_tells_of_an_address_that_both_spellings_have(self):
        s = self.older()
        self.unfold(s)
        for name, _id in (('domains', LETTERS),
                          ('mailboxes', 'eva@' + LETTERS)):
            doc = s.db[name].find_one(_id)
            for field in ('_id', 'domain'):
                if field in doc:
                    doc[field] = doc[field].replace(LETTERS, ASCII)
            s.db[name].insert_one(doc)
        done = s.run([s.binary('m3mta'), '-c', s.config, 'init'], code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('are one address now', done.stderr.decode())


if __name__ == '__main__':
    unittest.main()
