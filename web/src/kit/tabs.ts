/** What the reader's tabs in this browser tell each other: that something was asked in a conversation. */

const channel = new BroadcastChannel("parley.asked");

export function tellTabs(conversationId: string): void {
  channel.postMessage(conversationId);
}

/** Hears the other tabs, never this one. */
export function onTold(hear: (conversationId: string) => void): void {
  channel.onmessage = ({ data }) => {
    if (typeof data === "string") hear(data);
  };
}
