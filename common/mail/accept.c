/* From octets to a queued message; see accept.h. */
#include "mail/accept.h"

#include "base/buf.h"
#include "base/limits.h"
#include "db/blob.h"
#include "mime/facts.h"
#include "mime/grams.h"
#include "mime/parse.h"

#include "base/banned.h"

struct acceptance {
	struct arena *a;      /* the caller's: what is handed out */
	struct arena *work;   /* of the parser: more than what it finds */
	struct blob_writer *writer;
	struct mime_parser *parser;
	size_t small;         /* octets up to which the blob is not written */
	bool is_indexed;
	struct buf kept;      /* for the index: all octets */
	struct str body;
	enum rc failure;      /* sticky */
	struct err why;
};

static void
keep(struct acceptance *acc, struct str bytes)
{
	if (!acc->is_indexed)
		return;
	buf_add_str(&acc->kept, bytes);
	if (acc->kept.len > LIMIT_INDEXED) {
		buf_done(&acc->kept);
		acc->is_indexed = false;
	}
}

enum rc
acceptance_new(struct db *db, struct arena *a, struct str header,
    bool with_index, struct acceptance **ret_acc, struct err *err)
{
	struct acceptance *acc = mem_alloc(sizeof(*acc));
	enum rc rc = blob_writer_new(db, &acc->writer, err);

	acc->a = a;
	acc->is_indexed = with_index;
	acc->work = arena_new();
	acc->parser = mime_parser_new(acc->work);
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
		keep(acc, bytes);
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
pack(struct acceptance *acc, const struct facts *facts)
{
	struct facts f = *facts;
	struct buf b = BUF_INIT;
	struct str bytes;

	if (acc->is_indexed)
		f.grams = grams_make(acc->work, facts, buf_str(&acc->kept));
	facts_encode(&f, &b);
	bytes = arena_dup_str(acc->a, buf_str(&b));
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
	*ret_packed = pack(acc, facts);
	*ret_facts = facts;
	return RC_OK;
}

void
acceptance_free(struct acceptance *acc)
{
	if (!acc)
		return;
	blob_writer_free(acc->writer);
	buf_done(&acc->kept);
	arena_free(acc->work);
	mem_free(acc);
}
