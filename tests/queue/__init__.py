# ruff: noqa: A005 - mirrors `mail_sender.queue`; nothing imports a top-level `queue` from here
