"""m3mta-mda besides deliveries: the wording of reports, expiry."""
import datetime
import email
import os
import unittest

from harness import LiveTest, binary

ETC = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..',
                   'etc')


class Mda(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def bounce(self):
        s = self.system
        s.add_mailbox('gone@example.org')
        d = self.dialog('m3mta-smtp')
        d.reply()
        for command in ('EHLO a', 'MAIL FROM:<ann@example.org>',
                        'RCPT TO:<gone@example.org>', 'DATA'):
            d.smtp(command)
        d.smtp('Subject: x\r\n\r\nx\r\n.')
        s.m3mta('mailbox', 'remove', 'gone@example.org', '--yes')
        s.mda()
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY[]')
        return email.message_from_bytes(
            text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')])

    def template(self, text):
        path = self.system.folder + '/template'
        with open(path, 'w') as f:
            f.write(text)
        self.configure('report.template', path)

    def configure(self, key, value):
        self.system.set(key, value)
        self.system.write_config()
        self.addCleanup(self.system.settings.pop, key.split('.')[0], None)

    def test_template(self):
        built_in = self.bounce()
        self.assertEqual(built_in['Subject'],
                         'Undelivered mail: returned to sender')
        self.template('# ours\n[failed]\nSubject: Zur\u00fcck\n\nx\n')
        self.fails(b'template:3: the subject must be ASCII')
        self.template('[failed]\nSubject: Back from {hostname}\n\n'
                      'Gr\u00fc\u00dfe an {sender}, {queue}\n\n[delayed]\n')
        message = self.bounce()
        self.assertEqual(message['Subject'], 'Back from mx.example.org')
        text = message.get_payload()[0].get_payload(decode=True).decode()
        self.assertTrue(text.startswith(
            'Gr\u00fc\u00dfe an ann@example.org, '), text)
        self.assertIn('<gone@example.org>: ', text)
        self.template('[nonsense]\n')
        self.fails(b'template:1: [failed], [delayed]')
        self.template('[failed]\n\nx {what} y\n')
        self.fails(b'template:3: there are {hostname}')
        self.configure('report.template', '/no/such/file')
        self.fails(b'/no/such/file')

    def fails(self, text):
        done = self.system.run(
            [binary('m3mta-mda'), '-c', self.system.config], code=78)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.count(b'\n'), 1, done.stderr)

    def test_example_is_the_built_in(self):
        before = self.bounce().as_string()
        self.configure('report.template',
                       os.path.realpath(ETC + '/report.template'))
        after = self.bounce().as_string()

        def body(text):
            return [line for line in text.split('\n')
                    if line and ':' not in line and '=_m3mta' not in line
                    and '\tby' not in line]
        self.assertEqual(body(before), body(after))

    def test_expiry(self):
        s = self.system
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        for box in ('Trash', 'Junk', 'Archive'):
            for i in range(3):
                d.imap('a', f'APPEND {box} {{3+}}\r\nx{i}\n')
        old = datetime.datetime.utcnow() - datetime.timedelta(days=40)
        for folder in s.db.folders.find({'exists': 3}):
            tail = folder['tail']
            for entry in tail[:2]:
                entry['v'] = (int(old.timestamp()) if isinstance(
                    entry['v'], int) else old)
            s.db.folders.update_one({'_id': folder['_id']},
                                    {'$set': {'tail': tail}})
        s.mda()
        self.assertEqual(self.counts(), {'Trash': 3, 'Junk': 3,
                                         'Archive': 3})
        self.configure('expire', {'trash': '30d', 'junk': '50d'})
        s.db.limits.delete_many({})
        s.mda()
        self.assertEqual(self.counts(), {'Trash': 1, 'Junk': 3,
                                         'Archive': 3})
        s.verify()

    def test_expiry_of_the_folder_with_the_use_else_of_that_name(self):
        """As delivery finds Junk."""
        s = self.system
        s.add_mailbox('eve@example.org')
        s.add_mailbox('bob@example.org')
        sessions = {}
        for who in ('eve', 'bob'):
            sessions[who] = d = self.dialog('m3mta-imap', '--preauth',
                                            f'{who}@example.org')
            d.line()
            d.imap('a', 'DELETE Trash' if who == 'eve'
                   else 'RENAME Trash Bin')
            d.imap('b', 'CREATE Trash')
            for box in ('Trash', 'Bin') if who == 'bob' else ('Trash',):
                d.imap('c', f'APPEND {box} {{3+}}\r\nx\r\n')
        old = datetime.datetime.utcnow() - datetime.timedelta(days=40)
        for folder in s.db.folders.find({'name': {'$in': ['Trash', 'Bin']}}):
            for entry in folder['tail']:
                entry['v'] = (int(old.timestamp()) if isinstance(
                    entry['v'], int) else old)
            s.db.folders.update_one({'_id': folder['_id']},
                                    {'$set': {'tail': folder['tail']}})
        self.configure('expire', {'trash': '30d'})
        s.db.limits.delete_many({})
        s.mda()

        def exists(who, box):
            return b'MESSAGES 1' in sessions[who].imap(
                'z', f'STATUS {box} (MESSAGES)')
        self.assertFalse(exists('eve', 'Trash'))
        self.assertFalse(exists('bob', 'Bin'))
        self.assertTrue(exists('bob', 'Trash'))
        s.verify()

    def counts(self):
        return {f['name']: f['exists'] for f in self.system.db.folders.find(
            {'name': {'$in': ['Trash', 'Junk', 'Archive']}})}


if __name__ == '__main__':
    unittest.main()
