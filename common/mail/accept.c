/* From octets to a queued message; see accept.h. */
#include "mail/accept.h"

#include "base/buf.h"
#include "db/blob.h"
#include "mime/facts.h"
#include "mime/parse.h"

#include "base/banned.h"

struct acceptance {
	struct arena *a;
	struct blob_writer *writer;
	struct mime_parser *parser;
	size_t small;         /* octets up to which the blob is not written */
	struct str body;
	enum rc failure;      /* sticky */
	struct err why;
};

enum rc
acceptance_new(struct db *db, struct arena *a, struct str header,
    struct acceptance **ret_acc, struct err *err)
{
	struct acceptance *acc = mem_alloc(sizeof(*acc));
	enum rc rc = blob_writer_new(db, &acc->writer, err);

	acc->a = a;
	acc->parser = mime_parser_new(a);
	if (rc == RC_OK)
		rc = acceptance_push(acc, header, err);
	if (rc != RC_OK) {
		acceptance_free(acc);
		return rc;
	}
	*ret_acc = acc;
	return RC_OK;
}

enum rc
acceptance_push(struct acceptance *acc, struct str bytes, struct err *err)
{
	if (acc->failure == RC_OK) {
		mime_parser_push(acc->parser, bytes);
		acc->failure = blob_writer_push(acc->writer, bytes, &acc->why);
	}
	if (acc->failure != RC_OK)
		*err = acc->why;
	return acc->failure;
}

void
acceptance_keep_small(struct acceptance *acc, size_t max)
{
	acc->small = max;
}

struct str
acceptance_body(const struct acceptance *acc)
{
	return acc->body;
}

static struct str
pack(struct arena *a, const struct facts *facts)
{
	struct buf b = BUF_INIT;
	struct str bytes;

	facts_encode(facts, &b);
	bytes = arena_dup_str(a, buf_str(&b));
	buf_done(&b);
	return bytes;
}

enum rc
acceptance_finish(struct acceptance *acc, struct oid *ret_blob,
    uint64_t *ret_size, struct str *ret_packed,
    const struct facts **ret_facts, struct err *err)
{
	const struct facts *facts;
	enum rc rc = acceptance_push(acc, STR(""), err);

	if (rc == RC_OK)
		rc = blob_writer_finish_small(acc->writer, acc->small,
		    ret_blob, ret_size, &acc->body, err);
	if (rc != RC_OK)
		return rc;
	acc->body = arena_dup_str(acc->a, acc->body);
	facts = mime_parser_finish(acc->parser);
	*ret_packed = pack(acc->a, facts);
	*ret_facts = facts;
	return RC_OK;
}

void
acceptance_free(struct acceptance *acc)
{
	if (!acc)
		return;
	blob_writer_free(acc->writer);
	mem_free(acc);
}
