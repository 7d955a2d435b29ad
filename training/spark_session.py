"""Spark from Python: one session a process, with a word where there is no Java."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cxnlp.errors import CxnlpError, MissingExtraError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def has_java() -> bool:
    """Whether there is a Java for Spark to run on."""
    return bool(os.environ.get("JAVA_HOME") or shutil.which("java"))


def session(master: str | None = None, settings: Mapping[str, str] | None = None) -> SparkSession:
    """The Spark session of this process, made if there is none.

    Parameters
    ----------
    master
        Where to run; by default what ``spark-submit`` says, else every core of this machine.
    settings
        More of Spark's configuration.

    Raises
    ------
    CxnlpError
        If there is no Java.
    MissingExtraError
        If Spark is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingExtraError("pyspark", "spark", "Labelling an archive") from error
    if not has_java():
        raise CxnlpError(
            "Spark runs on Java, and there is none. Install version 17 or later (on Debian: "
            "apt-get install openjdk-17-jre-headless), or set JAVA_HOME."
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take any python3
    builder = SparkSession.builder.appName("cxnlp")
    if master:
        builder = builder.master(master)
    for name, value in (settings or {}).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark
