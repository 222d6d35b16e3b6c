/** Slack, by a bot's token or by an incoming webhook. */
import { DeliveryError } from "../src/errors.ts";
import { defineSink, type TemplateText } from "../src/sink.ts";
import { clipped, openHttp } from "../src/wire/sink-http.ts";
import { escaped, escapedEvent, judgeHook, slackApi, storedThreads, type Thread } from "../src/wire/slack.ts";

/** Longer ones are cut off by Slack. @see https://docs.slack.dev/reference/methods/chat.postMessage#truncating */
const MAX_TEXT = 40_000;
/** Of a field in an attachment; all of a message together have some 13,000. */
const MAX_VALUE = 3_000;

export default defineSink({
  name: "slack",
  title: "Slack",
  summary: "Posts each event to Slack, with a bot's token or through an incoming webhook, if wanted in threads.",
  config: (field) =>
    field.object({
      token: field.secret().optional().describe("Bot token (xoxb-…) with the scope chat:write."),
      channel: field.template().optional().describe("Channel, as `#name` or ID; a webhook has its own."),
      url: field.secret().optional().describe("Incoming webhook, where there is no token."),
      message: field
        .template()
        .default("{{ .Message }}")
        .describe("Text. Links and mentions of yours work; those in an event are shown as they are."),
      color: field.template().optional().describe("Colour of the bar beside the attachment."),
      title: field.template().optional().describe("Title of the attachment."),
      author_name: field.template().optional().describe("Author shown in the attachment."),
      footer: field.template().optional().describe("Footer of the attachment."),
      fields: field.templates().default({}).describe("Fields of the attachment, each with its title."),
      blocks: field.layoutList().optional().describe("Blocks (Block Kit), with templates in their texts."),
      username: field.template().optional().describe("Name to post under; needs the scope chat:write.customize."),
      threadKey: field.template().optional().describe("Events with the same key go into one thread; needs a token."),
      completionCondition: field.template().optional().describe("When this is not empty, the thread is complete."),
      completionEmoji: field.text().default("white_check_mark").describe("Reaction that marks a complete thread."),
      cache: field
        .object({
          name: field.text().optional().describe("Name of the ConfigMap."),
          namespace: field.text().optional().describe("Namespace of the ConfigMap."),
        })
        .optional()
        .describe("A fork's; not needed: threads are kept where positions are, in the journal or the checkpoint."),
      apiUrl: field.url().default("https://slack.com/api").describe("Base of the Web API."),
      ...field.connection(),
    }),
  example: {
    token: { env: "SLACK_TOKEN" },
    channel: "#k8s-events",
    message:
      "*{{ .Reason }}* <https://k8s.example.com/{{ .InvolvedObject.Namespace }}|{{ .InvolvedObject.Name }}>: {{ .Message }}",
    threadKey: "{{ .InvolvedObject.UID }}",
  },
  batch: { count: 1 },
  wholeEvent: false,
  carriesId: false,
  updates: "countDoubles",
  create(config, context) {
    const { compat } = context;
    const token = config.token ? context.secret(config.token) : undefined;
    const hook = token || config.url === undefined ? undefined : context.secret(config.url);
    const optional = (text: TemplateText | undefined) => (text === undefined ? () => "" : context.template(text));
    const part = {
      ...{
        channel: optional(config.channel),
        message: context.template(config.message),
        color: optional(config.color),
      },
      ...{ title: optional(config.title), author: optional(config.author_name), footer: optional(config.footer) },
      ...{ username: optional(config.username), key: optional(config.threadKey) },
      completion: optional(config.completionCondition),
      fields: Object.entries(config.fields)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, text]) => [name, context.template(text)] as const),
      blocks: config.blocks && context.layout({ blocks: config.blocks }),
    };
    const threads = storedThreads(context.store);
    const http = openHttp(config, context);

    const messageOf = (event: Parameters<typeof part.message>[0]) => {
      // The predecessor escaped the whole text, so that no link of the config's worked, and nothing of the fields.
      const safe = compat ? event : escapedEvent(event);
      const text = compat ? escaped(part.message(event)) : clipped(part.message(safe), MAX_TEXT);
      const [color, title, author_name, footer] = [
        part.color(safe),
        part.title(safe),
        part.author(safe),
        part.footer(safe),
      ];
      const fields = part.fields.map(([name, value]) => ({
        ...{ title: name, value: compat ? value(event) : clipped(value(safe), MAX_VALUE), short: false },
      }));
      const attached = fields.length > 0 || (!compat && `${color}${title}${author_name}${footer}` !== "");
      const attachment = { color, author_name, title, fields, ...(compat && { blocks: null }), footer };
      return {
        ...(!hook && { channel: part.channel(event) }),
        text,
        ...(part.username(event) !== "" && { username: part.username(event) }),
        ...(part.blocks && { blocks: part.blocks(safe).blocks }),
        ...(attached && { attachments: [attachment] }),
      };
    };
    const call = slackApi(http, config.apiUrl, () => token?.reveal(), compat);
    /** The message is there: a reaction that fails must not send it again. */
    const complete = async (thread: Thread, signal: AbortSignal) => {
      const reaction = { channel: thread.channel, timestamp: thread.ts, name: config.completionEmoji };
      await call("reactions.add", reaction, signal).catch((error) => {
        if (!(error instanceof DeliveryError)) throw error;
        context.log.warn("a thread could not be marked as complete", { reason: error.reason, error: error.message });
      });
    };

    return {
      render: ([event]) => ({ body: JSON.stringify(messageOf(event)) }),
      async deliver([event], signal) {
        const message = messageOf(event);
        if (hook) {
          const headers = [["Content-Type", "application/json"]] as const;
          const body = JSON.stringify(message);
          await http.send({ method: "POST", url: hook.reveal(), headers, body, signal, judge: judgeHook });
          return;
        }
        const key = part.key(event);
        const thread = key === "" ? undefined : threads.get(key);
        const posted = await call(
          "chat.postMessage",
          thread ? { ...message, channel: thread.channel, thread_ts: thread.ts } : message,
          signal,
        );
        if (key === "") return;
        const parent = thread ?? { channel: String(posted.channel), ts: String(posted.ts) };
        threads.set(key, parent);
        if (part.completion(event).trim() === "") return;
        threads.forget(key);
        await complete(parent, signal);
      },
      check: async (signal) => {
        if (hook) return http.reach(hook.reveal(), signal);
        await call("auth.test", {}, signal);
        return undefined;
      },
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});
