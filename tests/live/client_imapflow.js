/*
 * The day of a person with imapflow. Argument: JSON with options (of the
 * client), ca and ring (a file to make when IDLE has begun). Prints what it
 * saw as JSON.
 */
const fs = require('fs');
const { ImapFlow } = require('imapflow');

const job = JSON.parse(process.argv[2]);
const seen = {};

async function text_of(stream) {
	const parts = [];
	for await (const part of stream)
		parts.push(part);
	return Buffer.concat(parts).toString('base64');
}

/* Mail that comes while the folder is open. */
async function wait_for_mail(client) {
	const news = new Promise((resolve) => client.once('exists', resolve));
	const idle = client.idle();
	fs.writeFileSync(job.ring, '');
	const event = await news;
	seen.exists = [event.prevCount, event.count];
	await client.noop();
	await idle;
}

async function read(client) {
	const one = await client.fetchOne('*', {
		uid: true, flags: true, envelope: true, bodyStructure: true,
		source: true,
	});
	seen.subject = one.envelope.subject;
	seen.from = one.envelope.from[0];
	seen.source = one.source.toString('base64');
	const parts = [];
	const walk = (part) => {
		parts.push(part);
		(part.childNodes || []).forEach(walk);
	};
	walk(one.bodyStructure);
	const file = parts.find((part) => part.disposition === 'attachment');
	seen.file = file.dispositionParameters.filename;
	const { content } = await client.download(one.uid, file.part,
	    { uid: true });
	seen.content = await text_of(content);
	return one.uid;
}

async function main() {
	const client = new ImapFlow({
		...job.options, logger: false,
		tls: { ca: fs.readFileSync(job.ca) },
	});
	await client.connect();
	seen.special = Object.fromEntries((await client.list())
		.filter((box) => box.specialUse)
		.map((box) => [box.specialUse, box.path]));
	await client.mailboxOpen('INBOX');
	await wait_for_mail(client);
	const uid = String(await read(client));
	const by_uid = { uid: true };
	await client.messageFlagsAdd(uid, ['\\Seen', '\\Flagged'], by_uid);
	seen.flagged = await client.search({ flagged: true }, by_uid);
	await client.mailboxCreate('Rechnungen/März');
	const sent = await client.append('Sent',
	    'Subject: answer\r\n\r\nyes\r\n', ['\\Seen']);
	seen.appended = [sent.uid, String(sent.uidValidity)];
	const moved = await client.messageMove(uid, 'Rechnungen/März', by_uid);
	seen.moved = [...moved.uidMap.values()];
	await client.mailboxOpen('Rechnungen/März');
	seen.status = await client.status('INBOX', { messages: true });
	await client.messageMove('1:*', 'Trash');
	await client.mailboxOpen('Trash');
	seen.deleted = await client.messageDelete('1:*');
	await client.mailboxDelete('Rechnungen/März');
	await client.logout();
	console.log(JSON.stringify(seen));
}

main().catch((error) => {
	console.error(error.stack, error.response);
	process.exit(1);
});
