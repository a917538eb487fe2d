"""How Streamlit is set for Fedota: nothing is told to anybody, and no file of the user's says so.

Streamlit takes options from files in the home and working folders and from the environment, too;
those that stand here win over both.
"""

from __future__ import annotations

from typing import Any

from streamlit import config

from fedota_server.webserver.settings import WebserverSettings
from ui.theme.palette import CHART_COLOURS, CODE_FONT, DARK, FONT, LIGHT, Palette

UPLOAD_MAX_MB = 20  # of Streamlit's own uploads, which stay in memory: samples of data
_MESSAGE_MAX_MB = 50


def options(settings: WebserverSettings, cookie_secret: str) -> dict[str, Any]:
    """List every option that is set, by its name.

    Parameters
    ----------
    settings
        The webserver's.
    cookie_secret
        Signs Streamlit's own cookies.
    """
    return {
        "global.developmentMode": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "client.showSidebarNavigation": True,
        "client.allowedOrigins": [settings.page_url],
        "logger.level": "warning",
        "logger.enableRich": False,
        "logger.hideWelcomeMessage": True,
        "runner.magicEnabled": False,
        "runner.fastReruns": True,
        # Looking through every object of the process after every run costs all visitors time.
        "runner.postScriptGC": False,
        "secrets.files": [],
        "server.headless": True,
        "server.address": settings.web_host,
        "server.port": settings.web_port,
        "server.baseUrlPath": "",
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.allowRunOnSave": False,
        "server.cookieSecret": cookie_secret,
        "server.corsAllowedOrigins": [settings.page_url],
        "server.enableAgentApi": False,
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableStaticServing": False,
        "server.maxUploadSize": UPLOAD_MAX_MB,
        "server.maxMessageSize": _MESSAGE_MAX_MB,
        "server.scriptHealthCheckEnabled": False,
        "server.trustedUserHeaders": {},
        **_theme(),
    }


def set_options(settings: WebserverSettings, cookie_secret: str) -> None:
    """Set them, before the app is made."""
    config.get_config_options(
        force_reparse=True, options_from_flags=options(settings, cookie_secret)
    )


def _theme() -> dict[str, Any]:
    return {
        "theme.font": FONT,
        "theme.headingFont": FONT,
        "theme.codeFont": CODE_FONT,
        "theme.paddingTop": "1rem",
        "theme.baseRadius": "0.5rem",
        "theme.showWidgetBorder": True,
        "theme.linkUnderline": True,
        "theme.headingFontSizes": ["1.9rem", "1.45rem", "1.2rem", "1.05rem", "1rem", "0.95rem"],
        "theme.headingFontWeights": [650, 600, 600, 600, 600, 600],
        "theme.metricValueFontSize": "1.6rem",
        "theme.chartCategoricalColors": list(CHART_COLOURS),
        **_colours("light", LIGHT),
        **_colours("dark", DARK),
    }


def _colours(name: str, palette: Palette) -> dict[str, Any]:
    return {
        f"theme.{name}.primaryColor": palette.primary,
        f"theme.{name}.backgroundColor": palette.background,
        f"theme.{name}.secondaryBackgroundColor": palette.raised,
        f"theme.{name}.textColor": palette.text,
        f"theme.{name}.linkColor": palette.link,
        f"theme.{name}.borderColor": palette.border,
        f"theme.{name}.dataframeBorderColor": palette.border,
        f"theme.{name}.greenColor": palette.good,
        f"theme.{name}.orangeColor": palette.warning,
        f"theme.{name}.redColor": palette.bad,
        f"theme.{name}.grayTextColor": palette.muted,
        f"theme.{name}.sidebar.backgroundColor": palette.raised,
        f"theme.{name}.sidebar.secondaryBackgroundColor": palette.background,
        f"theme.{name}.sidebar.borderColor": palette.border,
    }
