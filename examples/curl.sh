#!/usr/bin/env bash
# The first path through the API: plan, customer, wallet, subscription, invoice, report.
#
# Needs a server and a worker, and the simulator as gateway (README.md, "Your own server, our simulator"):
#   TAGIH_URL      default http://127.0.0.1:3000
#   TAGIH_KEY      an API key of the role admin (the last part of an entry of TAGIH_API_KEYS)
#   SIMULATOR_URL  default http://127.0.0.1:4000
set -euo pipefail

tagih=${TAGIH_URL:-http://127.0.0.1:3000}/api/v1
simulator=${SIMULATOR_URL:-http://127.0.0.1:4000}/_sim
key=${TAGIH_KEY:?set TAGIH_KEY to an API key of the role admin}

run=$(date +%s)
phone=62812${run: -8}

api() { # method path [json]
  echo "> $1 $2" >&2
  curl --silent --show-error --fail-with-body --request "$1" "$tagih$2" \
    --header "Authorization: Bearer $key" \
    --header "Content-Type: application/json" \
    ${3:+--data "$3"}
  echo
}

sim() { # path json
  curl --silent --show-error --fail-with-body --request POST "$simulator$1" --data "$2"
  echo
}

# 1. What is sold: Rp 99.000 a month.
api POST /plans "{\"code\":\"plus-$run\",\"name\":\"Langganan Plus\",\"amount\":99000,\"interval\":\"month\"}"

# 2. Who pays, and a wallet of that number at the simulator.
api POST /customers "{\"reference\":\"siti-$run\",\"name\":\"Siti Rahayu\",\"phone\":\"$phone\"}"
sim /wallets "{\"phone\":\"$phone\",\"balance\":250000,\"tier\":\"club\"}"

# 3. The wallet's owner agrees once. With DOKU the browser goes to redirect_url for OTP and PIN;
#    here the simulator is told that it went well, and notifies.
api POST "/customers/siti-$run/bindings" \
  '{"success_url":"https://shop.example.com/linked","failed_url":"https://shop.example.com/not-linked"}'
sim /links "{\"phone\":\"$phone\",\"result\":\"success\"}"

# 4. The subscription. It is billed as soon as the binding is active; nobody is asked again.
api POST /subscriptions "{\"reference\":\"sub-$run\",\"customer\":\"siti-$run\",\"plan\":\"plus-$run\"}"

# 5. What became of it. The invoice is opened by the next beat of the worker, and charged in the charge window.
for _ in $(seq 30); do
  invoices=$(api GET "/subscriptions/sub-$run/invoices" 2>/dev/null)
  case $invoices in *'"state":"paid"'*) break ;; esac
  sleep 1
done
api GET "/subscriptions/sub-$run"
echo "$invoices"
case $invoices in
  *'"state":"paid"'*) ;;
  *) echo "not paid yet: is a worker running, and is it inside CHARGE_WINDOW? (CHARGE_WINDOW=always for trying out)" >&2 ;;
esac

# 6. What finance sees.
api GET "/reports/collection?plan=plus-$run"
api GET "/reports/failures?plan=plus-$run"
