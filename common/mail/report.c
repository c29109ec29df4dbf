/* Delivery status notifications; see report.h. */
#include "mail/report.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/limits.h"
#include "db/blob.h"
#include "mail/accept.h"
#include "mime/facts.h"
#include "smtp/params.h"
#include "text/date.h"

#include "base/banned.h"

enum { FULL_MAX = 1 << 20 }; /* a bigger message is returned as its header */

/* `origin` of the report's queue document. */
static const char *const origins[REPORT_ACTIONS] = {
	[REPORT_FAILED] = "bounce",
	[REPORT_DELAYED] = "notice",
	[REPORT_DELIVERED] = "success",
	[REPORT_RELAYED] = "success",
	[REPORT_EXPANDED] = "success",
};

bool
report_is_wanted(const struct queue_item *item,
    const struct queue_recipient *r, enum report_action action)
{
	static const uint32_t bits[] = {
		[REPORT_FAILED] = NOTIFY_FAILURE,
		[REPORT_DELAYED] = NOTIFY_DELAY,
		[REPORT_DELIVERED] = NOTIFY_SUCCESS,
		[REPORT_RELAYED] = NOTIFY_SUCCESS,
		[REPORT_EXPANDED] = NOTIFY_SUCCESS,
	};
	uint32_t notify =
	    r->notify ? r->notify : NOTIFY_FAILURE | NOTIFY_DELAY;

	return item->sender.len && (notify & bits[action]) != 0;
}

/* --- the parts ------------------------------------------------------------------------ */

/* Octets that came from elsewhere, on one line and without controls. */
static void
add_clean(struct buf *b, struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		buf_add_char(b, ascii_is_cntl(s.p[i]) ? ' ' : s.p[i]);
}

static void
add_field(struct buf *b, const char *name, struct str value)
{
	if (str_is_empty(value))
		return;
	buf_add_cstr(b, name);
	add_clean(b, value);
	buf_add_cstr(b, "\r\n");
}

static void
add_date(struct buf *b, const char *name, int64_t ms)
{
	buf_add_cstr(b, name);
	date_print_rfc5322(b, ms / 1000, 0);
	buf_add_cstr(b, "\r\n");
}

static const struct report_wording *
wording_of(const struct report *r)
{
	return &r->texts->v[r->v[0].action];
}

/* The id's digits lie in text. */
static struct report_values
values_of(const struct report *r, char text[OID_HEX])
{
	return (struct report_values){ r->hostname,
		oid_format(&r->item->id, text), r->item->sender };
}

static void
add_header(struct buf *b, const struct report *r, struct str boundary,
    const struct queue_item *report)
{
	char id[OID_HEX], text[OID_HEX];
	struct report_values values = values_of(r, id);

	buf_printf(b, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\n",
	    STR_ARG(r->hostname));
	buf_add_cstr(b, "To: <");
	add_clean(b, report->recipients[0].address);
	buf_add_cstr(b, ">\r\n");
	buf_add_cstr(b, "Subject: ");
	report_text_add(b, wording_of(r)->subject, &values);
	buf_add_cstr(b, "\r\n");
	add_date(b, "Date: ", r->now_ms);
	buf_printf(b, "Message-ID: <%.*s@%.*s>\r\n",
	    STR_ARG(oid_format(&report->id, text)), STR_ARG(r->hostname));
	buf_printf(b,
	    "MIME-Version: 1.0\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"%.*s\"\r\n\r\n"
	    "This is a delivery report (RFC 3464).\r\n",
	    STR_ARG(boundary));
}

static void
add_text(struct buf *b, const struct report *r, struct str boundary)
{
	char text[OID_HEX];
	struct report_values values = values_of(r, text);
	size_t i;

	buf_printf(b,
	    "\r\n--%.*s\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n",
	    STR_ARG(boundary));
	report_text_add(b, wording_of(r)->text, &values);
	for (i = 0; i < r->n; i++) {
		buf_add_cstr(b, "\r\n<");
		add_clean(b, r->v[i].recipient->address);
		buf_add_cstr(b, ">: ");
		add_clean(b, r->v[i].recipient->text);
		buf_add_cstr(b, "\r\n");
	}
	buf_printf(b, "\r\nQueue id: %.*s\r\n",
	    STR_ARG(oid_format(&r->item->id, text)));
}

/* ORCPT is "type;xtext"; the field wants the decoded address. */
static void
add_original(struct buf *b, struct arena *a, struct str orcpt)
{
	size_t at = str_find_char(orcpt, ';');

	if (orcpt.len == 0)
		return;
	buf_printf(b, "Original-Recipient: %.*s; ",
	    STR_ARG(str_slice(orcpt, 0, at)));
	add_clean(b, xtext_decode(a, str_tail(orcpt, at + 1)));
	buf_add_cstr(b, "\r\n");
}

static void
add_diagnostic(struct buf *b, const struct queue_recipient *r)
{
	if (r->code == 0)
		return;
	buf_printf(b, "Diagnostic-Code: smtp; %u ", r->code);
	if (!str_starts_with(r->text, r->status) && r->status.len) {
		add_clean(b, r->status);
		buf_add_char(b, ' ');
	}
	add_clean(b, r->text);
	buf_add_cstr(b, "\r\n");
}

static void
add_recipient(struct buf *b, struct arena *a, const struct report *r,
    const struct report_recipient *x)
{
	const struct queue_recipient *q = x->recipient;

	buf_add_cstr(b, "\r\n");
	add_original(b, a, q->orcpt);
	add_field(b, "Final-Recipient: rfc822; ", q->address);
	buf_printf(b, "Action: %s\r\n", report_actions[x->action]);
	add_field(b, "Status: ", q->status.len ? q->status : STR("5.0.0"));
	if (!str_has_char(q->host, '@'))
		add_field(b, "Remote-MTA: dns; ", q->host);
	add_diagnostic(b, q);
	if (q->last_ms)
		add_date(b, "Last-Attempt-Date: ", q->last_ms);
	if (x->action == REPORT_DELAYED)
		add_date(b, "Will-Retry-Until: ", r->item->expires_ms);
}

static void
add_status(struct buf *b, struct arena *a, const struct report *r,
    struct str boundary)
{
	size_t i;

	buf_printf(b,
	    "\r\n--%.*s\r\nContent-Type: message/delivery-status\r\n\r\n"
	    "Reporting-MTA: dns; %.*s\r\n",
	    STR_ARG(boundary), STR_ARG(r->hostname));
	if (r->item->envid.len)
		add_field(b, "Original-Envelope-Id: ",
		    xtext_decode(a, r->item->envid));
	add_date(b, "Arrival-Date: ", r->item->created_ms);
	for (i = 0; i < r->n; i++)
		add_recipient(b, a, r, &r->v[i]);
}

/* --- the message it is about ------------------------------------------------------------- */

struct copying {
	struct acceptance *acc;
	enum rc rc;
	struct err *err;
};

static bool
copy_piece(void *ctx, struct str piece)
{
	struct copying *c = ctx;

	c->rc = acceptance_push(c->acc, piece, c->err);
	return c->rc == RC_OK;
}

static uint64_t
header_size(struct arena *a, const struct queue_item *item)
{
	struct facts f;

	if (!facts_decode(a, item->facts, &f) || f.n_parts == 0)
		return 0;
	return f.parts[0].header_size;
}

/* Only a failure returns the whole message, and only when it was asked. */
static bool
returns_all(const struct report *r)
{
	return r->v[0].action == REPORT_FAILED && r->item->ret == RET_FULL &&
	    r->item->size <= FULL_MAX;
}

static enum rc
copy_original(struct db *db, struct arena *a, const struct report *r,
    struct acceptance *acc, struct err *err)
{
	struct copying c = { acc, RC_OK, err };
	uint64_t len =
	    returns_all(r) ? r->item->size : header_size(a, r->item);
	enum rc rc;

	if (len == 0)
		return RC_OK;
	rc = blob_read(db, &r->item->blob, 0, len, copy_piece, &c, err);
	return rc == RC_OK ? c.rc : rc;
}

static enum rc
write_parts(struct db *db, struct arena *a, const struct report *r,
    const struct queue_item *report, struct acceptance *acc, struct err *err)
{
	char text[OID_HEX];
	struct str boundary = arena_printf(
	    a, "=_m3mta_%.*s", STR_ARG(oid_format(&report->id, text)));
	struct buf b = BUF_INIT;
	enum rc rc;

	add_header(&b, r, boundary, report);
	add_text(&b, r, boundary);
	add_status(&b, a, r, boundary);
	buf_printf(&b, "\r\n--%.*s\r\nContent-Type: %s\r\n\r\n",
	    STR_ARG(boundary),
	    returns_all(r) ? "message/rfc822" : "text/rfc822-headers");
	rc = acceptance_push(acc, buf_str(&b), err);
	if (rc == RC_OK)
		rc = copy_original(db, a, r, acc, err);
	buf_reset(&b);
	buf_printf(&b, "\r\n--%.*s--\r\n", STR_ARG(boundary));
	if (rc == RC_OK)
		rc = acceptance_push(acc, buf_str(&b), err);
	buf_done(&b);
	return rc;
}

static void
fill_item(struct arena *a, const struct report *r, struct queue_item *item)
{
	struct queue_recipient *to = ARENA_NEW(a, struct queue_recipient);

	to->address = r->to.len ? r->to : r->item->sender;
	to->state = RECIPIENT_PENDING;
	to->notify = NOTIFY_NEVER;
	*item = (struct queue_item){
		.id = oid_derive(&r->item->id, r->step),
		.sender = STR(""),
		.recipients = to,
		.n_recipients = 1,
		.created_ms = r->now_ms,
		.expires_ms = r->now_ms + r->expire_ms,
		.body_8bit = true,
		.smtputf8 = r->item->smtputf8,
		.origin = str_from_cstr(origins[r->v[0].action]),
		.session = r->item->session,
	};
	item->bucket = item->id.b[OID_SIZE - 1] % QUEUE_BUCKETS;
}

enum rc
report_make(struct db *db, struct arena *a, const struct report *r,
    struct queue_item *ret_item, struct err *err)
{
	struct acceptance *acc;
	const struct facts *facts;
	struct queue_item item;
	enum rc rc;

	fill_item(a, r, &item);
	rc = acceptance_new(db, a, STR(""), false, &acc, err);
	if (rc != RC_OK)
		return rc;
	acceptance_keep_small(acc, LIMIT_QUEUE_BODY);
	rc = write_parts(db, a, r, &item, acc, err);
	if (rc == RC_OK)
		rc = acceptance_finish(acc, &item.blob, &item.size,
		    &item.facts, &facts, err);
	item.body = acceptance_body(acc);
	acceptance_free(acc);
	if (rc == RC_OK)
		*ret_item = item;
	return rc;
}
