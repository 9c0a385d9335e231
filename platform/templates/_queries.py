"""Questions to the logs of a service, as dashboards and saved queries ask them.

In: nothing.    Out: texts in the language of CloudWatch Logs Insights.
"""

from __future__ import annotations

# Lines of JSON say their level; of others, the words that programs fail with are looked for.
LAST_ERRORS = (
    "fields @timestamp, @message, @logStream"
    " | filter level like /(?i)^(error|critical|fatal)$/"
    " or (not ispresent(level) and @message like /(?i)\\b(error|exception|panic|out of memory)\\b/)"
    " | sort @timestamp desc | limit 50"
)
# As SNS writes how deliveries ended: all that failed, and a sample of those that did not.
LAST_DELIVERIES = (
    "fields @timestamp, status, notification.topicArn, delivery.destination, delivery.providerResponse"
    " | sort status, @timestamp desc | limit 50"
)
