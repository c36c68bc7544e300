/*
 * spec.c
 *		From a task type and options to a spec: the task as it would be
 *		inserted, in JSON.
 *
 * Runs in every backend, when a schedule is defined or a task with follow-ups
 * is submitted.  It must let nothing pass that errand.submit() refuses: when
 * the spec is submitted nobody is there to be told.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "miscadmin.h"
#include "spec.h"
#include "submit.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue k = {.type = jbvString};

	k.val.string.val = (char *) name;
	k.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &k);
}

static void
text_value(JsonbValue *v, const char *text)
{
	v->type = jbvString;
	v->val.string.val = (char *) text;
	v->val.string.len = strlen(text);
}

/* NULL is left out. */
static void
push_text(JsonbParseState **state, const char *name, const char *text)
{
	JsonbValue v;

	if (text == NULL)
		return;
	push_key(state, name);
	text_value(&v, text);
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_number(JsonbParseState **state, const char *name, Datum numeric)
{
	JsonbValue v = {.type = jbvNumeric};

	push_key(state, name);
	v.val.numeric = DatumGetNumeric(numeric);
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_int(JsonbParseState **state, const char *name, int64 n)
{
	push_number(state, name, DirectFunctionCall1(int8_numeric, Int64GetDatum(n)));
}

static void
push_jsonb(JsonbParseState **state, const char *name, Jsonb *j)
{
	JsonbValue v;

	if (j == NULL)
		return;
	push_key(state, name);
	JsonbToJsonbValue(j, &v);
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_tags(JsonbParseState **state, Datum tags)
{
	Datum *items;
	int n;

	deconstruct_array(DatumGetArrayTypeP(tags), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &n);
	push_key(state, "tags");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		JsonbValue v;

		text_value(&v, TextDatumGetCString(items[i]));
		pushJsonbValue(state, WJB_ELEM, &v);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* How it is run. */
static void
push_policy(JsonbParseState **state, const ErrandPolicy *p, TimestampTz now)
{
	JsonbValue once = {.type = jbvBool};

	push_text(state, "queue", p->queue);
	push_int(state, "priority", p->priority);
	if (p->has_run_at)
		push_text(state, "run_at",
				  JsonEncodeDateTime(NULL, TimestampTzGetDatum(p->run_at), TIMESTAMPTZOID, NULL));
	push_int(state, "max_attempts", p->max_attempts);
	push_int(state, "timeout_ms", p->timeout_ms);
	if (p->has_backoff)
		push_int(state, "backoff", p->backoff);
	if (p->base_ms >= 0)
		push_int(state, "base_ms", p->base_ms);
	if (p->factor > 0)
		push_number(state, "factor",
					DirectFunctionCall1(float4_numeric, Float4GetDatum(p->factor)));
	if (p->max_ms >= 0)
		push_int(state, "max_ms", p->max_ms);
	if (p->has_deadline) /* counts from the submit, which is yet to come */
		push_int(state, "deadline_ms", (p->deadline - now) / 1000);
	push_text(state, "key", p->key);
	if (p->has_tags)
		push_tags(state, p->tags);
	once.val.boolean = p->at_most_once;
	push_key(state, "at_most_once");
	pushJsonbValue(state, WJB_VALUE, &once);
	push_text(state, "notify", p->notify);
	push_text(state, "traceparent", p->traceparent);
	push_jsonb(state, "on_success", p->on_success);
	push_jsonb(state, "on_failure", p->on_failure);
}

static void
refuse_follow_ups(const ErrandOptions *o)
{
	if (!o->given[OPT_ON_SUCCESS] && !o->given[OPT_ON_FAILURE])
		return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a follow-up cannot have on_success or on_failure itself"),
					errhint("Let the follow-up's own work submit what comes next.")));
}

/* It is submitted later, by nobody's hand: there is nothing that it could wait for. */
static void
refuse_relations(const ErrandOptions *o)
{
	static const ErrandOption relations[] = {OPT_AFTER, OPT_AFTER_POLICY, OPT_TASK_GROUP};

	for (int i = 0; i < (int) lengthof(relations); i++)
	{
		if (o->given[relations[i]])
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" cannot stand in a follow-up or schedule",
								   errand_option_name(relations[i])),
							errhint("Submit the tasks that wait for others in a function: {\"call\": ...}.")));
	}
}

Jsonb *
errand_spec_make(const char *task, ErrandOptions *o, TimestampTz now, const char *fill,
				 bool follow_ups)
{
	JsonbParseState *state = NULL;
	ErrandTaskType t;
	ErrandPolicy p;
	Jsonb *payload;

	errand_type_find(task, &t);
	payload = errand_payload_prepare(&t, o);
	refuse_relations(o);
	if (!follow_ups)
		refuse_follow_ups(o);
	if (t.row != NULL)
		errand_options_from_json(t.row, o, false);
	if (!follow_ups)
		o->given[OPT_ON_SUCCESS] = o->given[OPT_ON_FAILURE] = false;
	errand_policy_from_options(o, now, &p);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text(&state, "type", t.name);
	push_text(&state, "kind", t.kind);
	push_int(&state, "owner_oid", GetUserId());
	push_text(&state, "owner", GetUserNameFromId(GetUserId(), false));
	push_policy(&state, &p, now);
	push_text(&state, "fill", fill);
	push_jsonb(&state, "payload", payload);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
