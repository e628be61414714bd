// Puts one article on the queue from Node.js. Needs: npm install @nats-io/transport-node @nats-io/jetstream
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const article = {
  source: "harbour-gazette",
  guid: "hg-2026-0301-17",
  updated_at: "2026-03-01T09:30:30Z",
  title: "New lock opens at Tidewell",
  body: "Marta Quillfeather opened the new lock at Tidewell on Sunday.\n\nBrackwater Engineering built it.",
};

const connection = await connect({ servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222" });
try {
  const acknowledgement = await jetstream(connection, { timeout: 5000 }).publish(
    "news.v1.submitted",
    JSON.stringify(article),
    // one message id for each version: a retry is taken once, a correction is not taken for a retry
    { msgID: `${article.guid}:${article.updated_at}`, expect: { streamName: "INBOX" } },
  );
  console.log(`accepted as version ${acknowledgement.seq}${acknowledgement.duplicate ? ", sent before" : ""}`);
} finally {
  await connection.close();
}
