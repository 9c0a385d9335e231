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
SLOWEST_REQUESTS = (
    "fields @timestamp, process, method, path, status, request_time, upstream_response_time, request_id"
    " | filter ispresent(request_time) | sort request_time desc | limit 50"
)
# The id stands in the access log, in what processes write, and in messages, as whoever received them writes it down.
ONE_REQUEST = (
    "# Put the id of the request between the quotation marks.\n"
    "fields @timestamp, @log, process, level, message, method, path, status, @message"
    ' | filter request_id = "1-67891233-abcdef012345678912345678"'
    " | sort @timestamp asc | limit 1000"
)
