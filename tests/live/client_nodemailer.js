/*
 * Sends one message by nodemailer. Argument: JSON with options (of the
 * transport), envelope and path (the message, sent as it is).
 */
const fs = require('fs');
const nodemailer = require('nodemailer');

const job = JSON.parse(process.argv[2]);
const transport = nodemailer.createTransport({
	...job.options,
	tls: { ca: fs.readFileSync(job.ca) },
});

transport.sendMail({ envelope: job.envelope, raw: fs.readFileSync(job.path) })
	.then((info) => {
		console.log(info.response);
		transport.close();
	})
	.catch((error) => {
		console.log(error.response || error.message);
		process.exit(1);
	});
