/* Mailing lists; see list.h. */
#include "mail/list.h"

#include "mail/report.h"

#include "base/banned.h"

/* RFC 2919: "news@example.org" is <news.example.org>. */
static struct str
list_id(struct arena *a, const struct mailbox *list)
{
	size_t at = str_find_last_char(list->address, '@');

	if (list->list_id.len)
		return list->list_id;
	return arena_join3(a, str_slice(list->address, 0, at), STR("."),
	    str_tail(list->address, at + 1));
}

static void
set_members(struct arena *a, const struct mailbox *list, struct str path,
    struct queue_item *post)
{
	size_t i;

	post->n_recipients = list->n_destinations;
	post->recipients =
	    ARENA_ARRAY(a, list->n_destinations, struct queue_recipient);
	for (i = 0; i < list->n_destinations; i++)
		post->recipients[i] = (struct queue_recipient){
			.address = arena_dup_str(a, list->destinations[i]),
			.state = RECIPIENT_PENDING,
			.final_key = path,
		};
}

struct queue_item
list_post(struct arena *a, const struct queue_item *item,
    const struct mailbox *list, struct str path, int64_t now_ms,
    int64_t expire_ms)
{
	struct queue_item post = *item;
	struct str id = list_id(a, list);

	post.id = oid_derive(
	    &item->id, arena_join(a, STR("list "), list->address));
	post.bucket = post.id.b[OID_SIZE - 1] % QUEUE_BUCKETS;
	if (item->sender.len)
		post.sender = arena_dup_str(a, list->list_owner);
	post.created_ms = now_ms;
	post.next_ms = 0;
	post.body = STR("");
	post.expires_ms = now_ms + expire_ms;
	post.epoch = post.starts = post.attempts = 0;
	post.envid = STR("");
	post.ret = RET_UNSET;
	post.login = STR("");
	if (!report_is_one(item)) /* which the postmaster is told of */
		post.origin = STR("list");
	post.headers = arena_printf(a,
	    "List-Id: <%.*s>\r\nList-Post: <mailto:%.*s>\r\n%.*s",
	    STR_ARG(id), STR_ARG(list->address), STR_ARG(item->headers));
	set_members(a, list, path, &post);
	return post;
}
