"""Map the dashboard's pages; templates/dashboard/ mirrors these paths."""

from django.urls import path

from dashboard.views import conflicts, customers, events, home, invoices, jobs, keys, meters, products, refused, subscriptions

app_name = "dashboard"

urlpatterns = [
    path("", home.page, name="home"),
    path("figures/events", home.figure, name="home_figure"),
    path("meters", meters.index, name="meters"),
    path("meters/<slug:public_id>", meters.overview, name="meter"),
    path("meters/<slug:public_id>/figure", meters.figure, name="meter_figure"),
    path("meters/<slug:public_id>/customers", meters.by_customer, name="meter_customers"),
    path("meters/<slug:public_id>/events", meters.matched, name="meter_events"),
    path("events", events.index, name="events"),
    path("events/event", events.detail, name="event"),
    path("events/event/void", events.void_one, name="event_void"),
    path("events/event/unvoid", events.unvoid, name="event_unvoid"),
    path("events/event/correct", events.correct, name="event_correct"),
    path("refused", refused.index, name="refused"),
    path("refused/events", refused.events, name="refused_events"),
    path("refused/replay", refused.replay, name="refused_replay"),
    path("refused/dismiss", refused.dismiss, name="refused_dismiss"),
    path("refused/requests", refused.requests, name="refused_requests"),
    path("refused/requests/<int:number>", refused.detail, name="refused_request"),
    path("refused/requests/<int:number>/replay", refused.replay_rest, name="refused_rest_replay"),
    path("refused/requests/<int:number>/dismiss", refused.dismiss_request, name="refused_request_dismiss"),
    path("conflicts", conflicts.index, name="conflicts"),
    path("conflicts/<int:number>", conflicts.detail, name="conflict"),
    path("conflicts/<int:number>/dismiss", conflicts.dismiss, name="conflict_dismiss"),
    path("conflicts/<int:number>/correct", conflicts.correct, name="conflict_correct"),
    path("customers", customers.index, name="customers"),
    path("customers/<slug:public_id>", customers.detail, name="customer"),
    path("products", products.index, name="products"),
    path("products/<slug:public_id>", products.detail, name="product"),
    path("subscriptions", subscriptions.index, name="subscriptions"),
    path("subscriptions/<slug:public_id>", subscriptions.detail, name="subscription"),
    path("invoices", invoices.index, name="invoices"),
    path("invoices/export", invoices.export, name="invoices_export"),
    path("invoices/<slug:public_id>", invoices.detail, name="invoice"),
    path("jobs", jobs.index, name="jobs"),
    path("jobs/<slug:public_id>", jobs.detail, name="job"),
    path("jobs/<slug:public_id>/cancel", jobs.cancel, name="job_cancel"),
    path("jobs/<slug:public_id>/resume", jobs.resume, name="job_resume"),
    path("jobs/<slug:public_id>/files/<str:name>", jobs.file, name="job_file"),
    path("keys", keys.index, name="keys"),
    path("keys/new", keys.create, name="key_create"),
    path("keys/<slug:public_id>/revoke", keys.revoke, name="key_revoke"),
]
