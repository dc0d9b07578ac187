"""What a check found, in the formats that people and tools read; the sentences are those of `webhook.judge.message`."""
