"""The bookings service: `site` shows the pages, `api` takes bookings, `reminders` writes to guests."""
