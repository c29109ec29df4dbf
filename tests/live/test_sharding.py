"""Every command of smtp, imap and mda must be one that a sharded cluster can
send to one shard: read back from mongod's profiler and held against the
shard keys of common/db/schema.c. There is no mongos here."""
import unittest

from harness import LiveTest

# Collection: the fields of its shard key that a filter must fix, in order.
KEYS = {
    'domains': ['_id'], 'mailboxes': ['_id'], 'limits': ['_id'],
    'blobs': ['_id'], 'queue': ['bucket'], 'folders': ['owner'],
    'pages': ['owner', 'folder'], 'messages': ['owner'],
    'trash': ['owner', 'folder'], 'annotations': ['owner'],
    'shares': ['identifier'], 'incoming': ['_id'],
}
# What may go to all shards, and why.
EXCEPTIONS = {
    ('domains', 'find', 'all'):
        'the list of domains, for <postmaster> and for a double bounce',
    ('blobs', 'find', 'range'):
        'a range of chunks of one blob: the key is hashed so that chunks '
        'spread; each shard looks into one index',
    ('config', 'find', 'any'): 'not sharded',
    ('counters', 'find', 'any'): 'not sharded',
}


def is_fixed(value):
    """Equality or $in."""
    if isinstance(value, dict):
        return any(k in value for k in ('$in', '$eq'))
    return True


def fields(query):
    """What a filter fixes, also inside $and."""
    found = {}
    for key, value in query.items():
        if key == '$and':
            for part in value:
                found.update(fields(part))
        else:
            found[key] = value
    return found


class Sharding(LiveTest):
    settings = {'imap__acl__anyone': True}

    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.m3mta('domain', 'set', 'example.org', '--postmaster=ann@example.org')
        for who in ('ann', 'bob'):
            s.add_mailbox(f'{who}@example.org', '--quota=100m')
        s.m3mta('alias', 'add', 'team@example.org', 'ann@example.org',
                'bob@example.org')
        s.m3mta('list', 'add', 'list@example.org', 'ann@example.org',
                '--owner=bob@example.org')

    def traffic(self):
        s = self.system
        for to in ('ann', 'bob', 'team', 'list', 'ann+tag', 'postmaster'):
            d = self.dialog('m3mta-smtp')
            d.reply()
            d.smtp('EHLO a')
            d.smtp('AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=')
            d.smtp('MAIL FROM:<ann@example.org>')
            d.smtp(f'RCPT TO:<{to}@example.org>')
            d.smtp('DATA')
            d.smtp('Subject: x\r\n\r\n' + 'x' * 70 + '\r\n' +
                   ('y' * 70 + '\r\n') * (2000 if to == 'bob' else 1) + '.')
            d.close()
        s.mda()
        d = self.dialog('m3mta-imap')
        d.line()
        for i, command in enumerate((
                'LOGIN bob@example.org secret', 'LIST "" "*" RETURN (STATUS '
                '(MESSAGES UNSEEN HIGHESTMODSEQ))', 'CREATE a/b',
                'SELECT INBOX (CONDSTORE)', 'FETCH 1:* (ENVELOPE '
                'BODYSTRUCTURE BODY.PEEK[]<0.100>)', 'FETCH 1 BODY[]',
                'STORE 1 +FLAGS (\\Flagged $k)', 'COPY 1:* a/b',
                'APPEND a/b {3+}\r\nabc', 'SEARCH BODY yyy',
                'SORT (SUBJECT) UTF-8 ALL', 'THREAD REFERENCES UTF-8 ALL',
                'UID SEARCH RETURN (SAVE) ALL', 'MOVE 1 Trash',
                'STORE 1:* +FLAGS.SILENT (\\Deleted)', 'EXPUNGE',
                'RENAME a/b a/c', 'SUBSCRIBE a', 'STATUS a/c (SIZE)',
                'GETQUOTAROOT INBOX',
                'NOTIFY SET STATUS (personal (MessageNew MessageExpunge '
                'MailboxMetadataChange ServerMetadataChange)) (subtree '
                '"Other Users" (MailboxName))',
                'SETMETADATA a (/private/comment "x")', 'NOTIFY NONE',
                'ENABLE QRESYNC',
                'SELECT a/c (QRESYNC (1 1))', 'DELETE a/c', 'NOOP',
                'CREATE S', 'SETACL S ann@example.org lrswipkxtea',
                'SETACL S anyone l', 'CREATE S/a', 'DELETEACL S anyone',
                'GETACL S', 'APPEND S {3+}\r\nabc', 'LOGOUT')):
            d.imap(f'a{i}', command)
        d = self.dialog('m3mta-imap')
        d.line()
        other = 'Other Users/bob@example.org'
        for i, command in enumerate((
                'LOGIN ann@example.org secret', 'LIST "" *',
                f'SELECT "{other}/S"', 'FETCH 1 BODY[]', 'COPY 1 INBOX',
                'STORE 1 +FLAGS (\\Flagged)', 'MOVE 1 INBOX',
                f'GETQUOTA "{other}"', f'CREATE "{other}/S/a/b"',
                f'SETMETADATA "{other}/S" (/private/x "1")',
                f'GETMETADATA "{other}/S" /private/x',
                f'DELETE "{other}/S/a/b"', f'DELETE "{other}/S/a"')):
            self.assertIn(b'a%d OK' % i, d.imap(f'a{i}', command))

    def commands(self):
        for op in self.system.db['system.profile'].find(
                {'appName': {'$in': ['m3mta-smtp', 'm3mta-imap',
                                     'm3mta-mda']}}):
            name = op['ns'].split('.', 1)[1]
            command = op.get('command', {})
            kind = op['op']
            if kind == 'getmore':
                continue
            if kind in ('update', 'remove'):
                yield name, kind, command.get('q', {}), op
            elif kind == 'insert':
                yield name, kind, None, op
            elif 'aggregate' in command:
                match = command['pipeline'][0].get('$match', {})
                yield name, 'aggregate', match, op
            else:
                yield name, 'find', command.get(
                    'filter', command.get('query', {})), op

    def test_targeted(self):
        s = self.system
        s.db.command('profile', 2)
        try:
            self.traffic()
        finally:
            s.db.command('profile', 0)
        seen, bad = set(), []
        for name, kind, query, op in self.commands():
            seen.add((name, kind))
            if query is None:
                continue
            fixed = fields(query)
            missing = [k for k in KEYS.get(name, [])
                       if k not in fixed or not is_fixed(fixed[k])]
            how = ('any' if name not in KEYS else 'all' if not query else
                   'range' if missing and missing[0] in fixed else 'other')
            if (missing or name not in KEYS) and (
                    name, kind, how) not in EXCEPTIONS:
                bad.append((name, kind, missing, query, op.get('appName')))
        self.assertEqual(bad, [], '\n'.join(map(str, bad[:10])))
        # The profiler saw the traffic.
        for want in (('queue', 'insert'), ('queue', 'update'),
                     ('folders', 'update'), ('messages', 'find'),
                     ('pages', 'find'), ('mailboxes', 'find'),
                     ('blobs', 'insert'), ('trash', 'update'),
                     ('shares', 'insert'), ('shares', 'find'),
                     ('shares', 'remove')):
            self.assertIn(want, seen)


if __name__ == '__main__':
    unittest.main()
