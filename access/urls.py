"""Map the addresses of signing in and out and of one's own password."""

from django.urls import path

from access import views

urlpatterns = [
    path("login", views.LogIn.as_view(), name="login"),
    path("logout", views.LogOut.as_view(), name="logout"),
    path("password", views.ChangePassword.as_view(), name="password_change"),
    path("password/changed", views.PasswordChanged.as_view(), name="password_change_done"),
]
