"""Databases as files: made by tests/tools/dump-store with the programs of a
past commit, restored by the tests of `m3mta init`.

A file is xz; in it BSON documents, one after the other: {collection,
document} and {collection, index}, {expected: {...}}, {made: time} first.
expected.mail is what mail() read: {address: {folder: [uidvalidity, {uid:
[flags, sha256]}]}}.
"""
import datetime
import hashlib
import imaplib
import lzma
import re

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

RAW = CodecOptions(document_class=RawBSONDocument)
FLAGS = re.compile(rb'FLAGS \(([^)]*)\)')
UID = re.compile(rb'UID (\d+)')


def save(db, path, expected):
    with lzma.open(path, 'wb', preset=9) as f:
        def put(**row):
            f.write(bson.encode(row))
        put(made=datetime.datetime.utcnow())
        put(expected=expected)
        for name in sorted(db.list_collection_names()):
            for index in db[name].list_indexes():
                if index['name'] != '_id_':
                    put(collection=name, index=dict(index))
            for document in db.get_collection(name, RAW).find():
                put(collection=name, document=document)


def later(value, by):
    """Times are moved, so that nothing in the queue is too old."""
    if isinstance(value, datetime.datetime):
        return value + by
    if isinstance(value, dict):
        return {k: later(v, by) for k, v in value.items()}
    if isinstance(value, list):
        return [later(v, by) for v in value]
    return value


def restore(db, path):
    """Into an empty database; `expected` of the file."""
    expected, by, documents = {}, None, {}
    with lzma.open(path, 'rb') as f:
        for row in bson.decode_file_iter(f):
            if 'made' in row:
                by = datetime.datetime.utcnow() - row['made']
            elif 'expected' in row:
                expected = row['expected']
            elif 'index' in row:
                index = row['index']
                index.pop('v')
                db[row['collection']].create_index(
                    list(index.pop('key').items()), **index)
            else:
                documents.setdefault(row['collection'], []).append(
                    later(row['document'], by))
    for name, rows in documents.items():
        db[name].insert_many(rows)
    return expected


def folder(client, name):
    kind, _ = client.select(f'"{name}"', readonly=True)
    assert kind == 'OK', name
    validity = int(client.response('UIDVALIDITY')[1][0])
    seen = {}
    rows = client.uid('FETCH', '1:*', '(FLAGS BODY.PEEK[])')[1]
    for i, row in enumerate(rows):
        if not isinstance(row, tuple):
            continue
        head = row[0] + (rows[i + 1] if isinstance(rows[i + 1], bytes)
                         else b'')
        flags = sorted(set(FLAGS.search(head).group(1).decode().split()) -
                       {'\\Recent'})
        seen[UID.search(head).group(1).decode()] = [
            flags, hashlib.sha256(row[1]).hexdigest()]
    return [validity, seen]


def mail(system, port, addresses):
    """All mail of these mailboxes, read by IMAP."""
    imaplib._MAXLINE = 1 << 20
    found = {}
    for address in addresses:
        client = system.imap(port, address)
        names = [re.search(rb'"?([^"]+)"?$', row).group(1).decode()
                 for row in client.list()[1] if row and
                 b'\\Noselect' not in row and b'\\NonExistent' not in row]
        found[address] = {name: folder(client, name) for name in names}
        client.logout()
    return found
