"""What it costs to send a parcel; the rates are read once, when the app starts."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Annotated, NamedTuple

from fastapi import Depends, HTTPException

from backoffice.core import singleton

RATES_FILE = Path(__file__).with_name("shipping_rates.csv")


class Rate(NamedTuple):
    base: Decimal
    per_kg: Decimal


class ShippingRates:
    def __init__(self, file: Path = RATES_FILE) -> None:
        with file.open(newline="", encoding="utf-8") as rows:
            self.by_country = {
                row["country"]: Rate(Decimal(row["base"]), Decimal(row["per_kg"]))
                for row in csv.DictReader(rows)
            }

    def cost(self, country: str, weight_kg: float) -> Decimal:
        """The price of a parcel; 422 for a country that the shop does not send to."""
        if country not in self.by_country:
            raise HTTPException(422, f"We do not send to {country}.")
        base, per_kg = self.by_country[country]
        return (base + per_kg * Decimal(str(weight_kg))).quantize(Decimal("0.01"))


@singleton
def shipping_rates() -> ShippingRates:
    return ShippingRates()


Rates = Annotated[ShippingRates, Depends(shipping_rates)]
