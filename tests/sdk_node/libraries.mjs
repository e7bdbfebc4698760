// What each vendor's library is asked to do. `mail` is in the neutral form of tests/sdks/meant.py.
import {
  GetMessageInsightsCommand,
  SESv2Client,
  SendBulkEmailCommand,
  SendEmailCommand,
} from "@aws-sdk/client-sesv2";
import nodemailer from "nodemailer";
import sendgridMail from "@sendgrid/mail";
import FormData from "form-data";
import Mailgun from "mailgun.js";
import { ServerClient } from "postmark";
import { Resend } from "resend";

const box = ({ address, name }) => (name ? `"${name}" <${address}>` : address);
const boxes = (list) => list.map(box);
const bytes = (file) => Buffer.from(file.content, "hex");

// ---------------------------------------------------------------- Resend

const resendMail = (mail) => ({
  from: box(mail.from),
  to: boxes(mail.to),
  cc: boxes(mail.cc),
  bcc: boxes(mail.bcc),
  replyTo: boxes(mail.reply_to),
  subject: mail.subject,
  text: mail.text,
  html: mail.html,
  headers: mail.headers,
  tags: [{ name: "order", value: "7" }],
  attachments: mail.files.map((file) => ({
    filename: file.name,
    content: bytes(file),
    contentType: file.type,
    ...(file.cid ? { contentId: file.cid } : {}),
  })),
});

const resendOf = ({ url, key }) => new Resend(key, { baseUrl: `${url}/compat/resend` });

export const resend = {
  send: (it) =>
    resendOf(it).emails.send({ ...resendMail(it.mail), ...it.more }, { idempotencyKey: it.idempotencyKey }),
  batch: (it) => resendOf(it).batch.send(it.mails.map(resendMail)),
  get: (it) => resendOf(it).emails.get(it.id),
  cancel: (it) => resendOf(it).emails.cancel(it.id),
  update: (it) => resendOf(it).emails.update({ id: it.id, scheduledAt: it.scheduledAt }),
};

// ---------------------------------------------------------------- Postmark

const postmarkMail = (mail) => ({
  From: box(mail.from),
  To: boxes(mail.to).join(", "),
  Cc: boxes(mail.cc).join(", "),
  Bcc: boxes(mail.bcc).join(", "),
  ReplyTo: boxes(mail.reply_to).join(", "),
  Subject: mail.subject,
  TextBody: mail.text,
  HtmlBody: mail.html,
  Headers: Object.entries(mail.headers).map(([Name, Value]) => ({ Name, Value })),
  Tag: "orders",
  Metadata: { order: "7" },
  Attachments: mail.files.map((file) => ({
    Name: file.name,
    Content: bytes(file).toString("base64"),
    ContentType: file.type,
    ContentID: file.cid ? `cid:${file.cid}` : null,
  })),
});

const postmarkOf = ({ url, key }) =>
  new ServerClient(key, { useHttps: false, requestHost: `${new URL(url).host}/compat/postmark` });

export const postmark = {
  send: (it) => postmarkOf(it).sendEmail({ ...postmarkMail(it.mail), ...it.more }),
  batch: (it) => postmarkOf(it).sendEmailBatch(it.mails.map(postmarkMail)),
  template: (it) =>
    postmarkOf(it).sendEmailWithTemplate({ From: box(it.mail.from), To: "a@example.net", TemplateId: 1, TemplateModel: {} }),
  get: (it) => postmarkOf(it).getOutboundMessageDetails(it.id),
  search: (it) => postmarkOf(it).getOutboundMessages({ count: 5, offset: 0, tag: "orders" }),
  bounces: (it) => postmarkOf(it).getBounces({ count: 5, offset: 0 }),
};

// ---------------------------------------------------------------- SendGrid

const sendgridBox = ({ address, name }) => (name ? { email: address, name } : { email: address });

const sendgridMailOf = (mail) => ({
  from: sendgridBox(mail.from),
  to: mail.to.map(sendgridBox),
  cc: mail.cc.map(sendgridBox),
  bcc: mail.bcc.map(sendgridBox),
  replyTo: sendgridBox(mail.reply_to[0]),
  subject: mail.subject,
  text: mail.text,
  html: mail.html,
  headers: mail.headers,
  categories: ["orders"],
  customArgs: { order: "7" },
  attachments: mail.files.map((file) => ({
    content: bytes(file).toString("base64"),
    filename: file.name,
    type: file.type,
    disposition: file.cid ? "inline" : "attachment",
    ...(file.cid ? { contentId: file.cid } : {}),
  })),
});

const sendgridOf = ({ url, key }) => {
  sendgridMail.setApiKey(key);
  sendgridMail.client.setDefaultRequest("baseUrl", `${url}/compat/sendgrid`);
  return sendgridMail;
};

const idOf = ([answer]) => ({ status: answer.statusCode, id: answer.headers["x-message-id"] });

export const sendgrid = {
  send: async (it) => idOf(await sendgridOf(it).send({ ...sendgridMailOf(it.mail), ...it.more })),
  many: async (it) => idOf(await sendgridOf(it).sendMultiple(sendgridMailOf(it.mail))),
  get: async (it) => {
    sendgridOf(it);
    const [answer] = await sendgridMail.client.request({ url: `/v3/messages/${it.id}`, method: "GET" });
    return answer.body;
  },
};

// ---------------------------------------------------------------- Mailgun

const mailgunMail = (mail) => ({
  from: box(mail.from),
  to: boxes(mail.to),
  cc: boxes(mail.cc),
  bcc: boxes(mail.bcc),
  subject: mail.subject,
  text: mail.text,
  html: mail.html,
  "h:Reply-To": boxes(mail.reply_to).join(", "),
  ...Object.fromEntries(Object.entries(mail.headers).map(([name, value]) => [`h:${name}`, value])),
  "o:tag": ["orders"],
  "v:order": "7",
  attachment: mail.files.filter((file) => !file.cid).map((file) => ({ data: bytes(file), filename: file.name })),
  inline: mail.files.filter((file) => file.cid).map((file) => ({ data: bytes(file), filename: file.cid })),
});

const mailgunOf = ({ url, key }) =>
  new Mailgun(FormData).client({ username: "api", key, url: `${url}/compat/mailgun` });

export const mailgun = {
  send: (it) => mailgunOf(it).messages.create("mg.example.com", { ...mailgunMail(it.mail), ...it.more }),
  mime: (it) => mailgunOf(it).messages.create("mg.example.com", { to: it.to, message: it.mime }),
  events: (it) => mailgunOf(it).events.get("mg.example.com", { "message-id": it.id }),
};

// ---------------------------------------------------------------- Amazon SES

const sesMail = (mail) => ({
  FromEmailAddress: box(mail.from),
  Destination: { ToAddresses: boxes(mail.to), CcAddresses: boxes(mail.cc), BccAddresses: boxes(mail.bcc) },
  ReplyToAddresses: boxes(mail.reply_to),
  Content: {
    Simple: {
      Subject: { Data: mail.subject, Charset: "UTF-8" },
      Body: { Text: { Data: mail.text, Charset: "UTF-8" }, Html: { Data: mail.html, Charset: "UTF-8" } },
      Headers: Object.entries(mail.headers).map(([Name, Value]) => ({ Name, Value })),
      Attachments: mail.files.map((file) => ({
        FileName: file.name,
        RawContent: bytes(file),
        ContentType: file.type,
        ContentDisposition: file.cid ? "INLINE" : "ATTACHMENT",
        ...(file.cid ? { ContentId: file.cid } : {}),
      })),
    },
  },
  EmailTags: [{ Name: "order", Value: "7" }],
});

const sesOf = ({ url, key }) => {
  const [accessKeyId, secretAccessKey] = key;
  return new SESv2Client({
    region: "eu-west-1",
    endpoint: `${url}/compat/ses`,
    credentials: { accessKeyId, secretAccessKey },
  });
};

export const ses = {
  send: (it) => sesOf(it).send(new SendEmailCommand({ ...sesMail(it.mail), ...it.more })),
  bulk: (it) => sesOf(it).send(new SendBulkEmailCommand(it.request)),
  nodemailer: async (it) => {
    const transport = nodemailer.createTransport({
      SES: { sesClient: sesOf(it), SendEmailCommand },
    });
    const { mail } = it;
    const sent = await transport.sendMail({
      from: mail.from,
      to: mail.to,
      cc: mail.cc,
      bcc: mail.bcc,
      replyTo: mail.reply_to,
      subject: mail.subject,
      text: mail.text,
      html: mail.html,
      headers: mail.headers,
      attachments: mail.files.map((file) => ({
        filename: file.name,
        content: bytes(file),
        contentType: file.type,
        ...(file.cid ? { cid: file.cid } : {}),
      })),
    });
    return sent.response;
  },
  get: (it) => sesOf(it).send(new GetMessageInsightsCommand({ MessageId: it.id })),
};
